import { localAliases } from '../files/etc/aliases.ts'
import { msmtprc } from '../files/etc/msmtprc.ts'
import { type Playbook, playbook, step } from '../src/engine/step.ts'
import { type Server, systemLogin } from '../src/inventory/inventory.ts'
import { group } from '../src/kinds/access/group.ts'
import { file } from '../src/kinds/files/file.ts'
import { mailAccount } from '../src/kinds/mail/mail-account.ts'
import { packages } from '../src/kinds/packages/packages.ts'
import type { Secret } from '../src/secret.ts'

type Msmtp = Pick<Server, 'hostname' | 'admin' | 'acme' | 'mail'> & { readonly stampKey: Secret }

/** The system's own mail: what cron and others write to root reaches postmaster. */
export const msmtp = ({ hostname, admin, acme, mail, stampKey }: Msmtp): Playbook => {
  const login = systemLogin(mail)
  return playbook('msmtp', [
    // Named, because bsd-mailx alone would pull in exim4, which takes port 25.
    step('Install msmtp', [packages({ name: 'msmtp', installed: ['msmtp', 'msmtp-mta', 'bsd-mailx'] })]),

    // Debian's msmtp is not setgid any more: who sends can read the password. So it is good for nothing else, and few can.
    step('Make the account that sends', [mailAccount({ ...login, stampKey }), group({ name: 'msmtp', members: [admin.user] })]),

    step('Configure msmtp', [
      acme.ca !== undefined && file({ path: caFile, content: acme.ca }),
      file({
        path: '/etc/msmtprc',
        mode: '0640',
        group: 'msmtp',
        content: msmtprc({
          ...{ hostname, mx: mail.hostname, address: login.address, password: login.password },
          trusted: acme.ca === undefined ? systemBundle : caFile,
        }),
      }),
      file({ path: '/etc/aliases', content: localAliases(`postmaster@${mail.primary}`) }),
    ]),
  ])
}

/** Never the server's own chain: that changes with each renewal. */
const systemBundle = '/etc/ssl/certs/ca-certificates.crt'
const caFile = '/etc/msmtp-ca.pem'
