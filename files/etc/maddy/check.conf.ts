/** What provision-mail-check goes by. */
export interface MailCheck {
  readonly domains: readonly string[]
  readonly mode: 'separate' | 'same_credentials' | 'same_mailbox'
  /** What one login may send within an hour. */
  readonly messagesPerHour: number
  readonly recipientsPerHour: number
  /** Whether the storage takes a mail whose parts are malformed: with our patches it does, and without them it stops. */
  readonly takesMalformed: boolean
  /** What stays free on the disk of the mail, in percent of it, and at least, in MiB. */
  readonly freePercent: number
  readonly freeLeast: number
}

/** Where the settings are. Not below /etc/provision, which is closed to maddy. */
export const checkConfPath = '/etc/maddy/check.conf'

/** 5 % of 2 TB would be a hundred times what mail needs. In MiB. */
const freeMost = 2048

/** /etc/maddy/check.conf: read for each mail, so a change needs no restart. No value has a quote in it: names of hosts and numbers. */
export const checkConf = ({
  domains,
  mode,
  messagesPerHour,
  recipientsPerHour,
  takesMalformed,
  freePercent,
  freeLeast,
}: MailCheck): string =>
  `# Written by provision.
${Object.entries({
  domains: domains.join(' '),
  mode,
  messages_per_hour: messagesPerHour,
  recipients_per_hour: recipientsPerHour,
  malformed: takesMalformed ? 'take' : 'refuse',
  state: '/var/cache/maddy',
  disk: '/var/lib/maddy',
  free_percent: freePercent,
  free_least_mb: freeLeast,
  free_most_mb: Math.max(freeMost, freeLeast),
})
  .map(([name, value]) => `${name}='${value}'\n`)
  .join('')}`
