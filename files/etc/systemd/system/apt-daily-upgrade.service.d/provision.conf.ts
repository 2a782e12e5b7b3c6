/**
 * What a run of the automatic updates did is told. Those from sources of others are a run of their own, with the settings named
 * here: one package that cannot be fetched ends a run, and may not keep Debian's security fixes away.
 */
export const dailyUpgrade = ({ others }: { readonly others?: `/${string}` | undefined }): string => `# Written by provision.
[Unit]
OnFailure=provision-failure@%n.service

[Service]
ExecStartPost=-/usr/local/sbin/provision-updates
${
  others === undefined
    ? ''
    : `ExecStartPost=-/usr/bin/env APT_CONFIG=${others} /usr/bin/unattended-upgrade
ExecStartPost=-/usr/local/sbin/provision-updates
`
}`
