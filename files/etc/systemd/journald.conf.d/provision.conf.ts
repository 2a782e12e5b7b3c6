/** A journal that survives a reboot, never fills the disk and forgets in time who wrote to whom. See journald.conf(5). */
export const journald = ({
  maxUse,
  keepFree,
  days,
}: {
  maxUse: string
  keepFree: string
  days: number
}): string => `# Written by provision.
[Journal]
Storage=persistent
SystemMaxUse=${maxUse}
SystemKeepFree=${keepFree}
MaxRetentionSec=${days}day
`
