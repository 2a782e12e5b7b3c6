import { ldapPlaces, ldap as script } from '../files/usr/local/sbin/provision-ldap.ts'
import { type Playbook, playbook, step } from '../src/engine/step.ts'
import { aliasLines, mailLogins, probeLogin, type Server, systemLogin } from '../src/inventory/inventory.ts'
import { directory } from '../src/kinds/files/directory.ts'
import { file } from '../src/kinds/files/file.ts'
import { packages } from '../src/kinds/packages/packages.ts'
import { service } from '../src/kinds/system/service.ts'
import { sh } from '../src/sh.ts'
import { text } from '../src/util/text.ts'

/** People of an LDAP directory have mailboxes, and log in with what it knows of them. While it is down, declared accounts do all the same. */
export const ldap = ({ mail, domains }: Pick<Server, 'mail' | 'domains'>): Playbook =>
  playbook('ldap', mail.ldap === undefined ? [] : steps(mail.ldap, mail, domains))

function steps(wanted: NonNullable<Server['mail']['ldap']>, mail: Server['mail'], domains: Server['domains']) {
  const { bind, domain = mail.primary } = wanted
  const accounts = [...mailLogins(mail.mode, domains), systemLogin(mail), probeLogin(mail)]
  return [
    step('Install what the directory is asked with', [packages({ name: 'ldap', installed: ['ldap-utils', 'sqlite3'] })]),

    step('Configure what the directory is asked', [
      directory({ path: '/etc/ldap' }),
      file({ path: ldapPlaces.password, mode: '0640', group: 'maddy', content: bind.password }),
      file({
        path: '/usr/local/sbin/provision-ldap',
        mode: '0755',
        content: script({
          ...{ ...wanted, bind: bind.dn, domain, domains: domains.map(({ name }) => name) },
          // Who writes the directory gives nobody the mail of a declared account, nor the name of postmaster.
          declared: [...accounts.map(({ address }) => address), ...aliasLines(domains, mail.mode).map(({ from }) => from)],
        }),
        check: sh`sh -n "$tmp"`,
      }),
      file({ path: `/etc/systemd/system/${unit}.service`, content: text(`etc/systemd/system/${unit}.service`) }),
      file({ path: `/etc/systemd/system/${unit}.timer`, content: text(`etc/systemd/system/${unit}.timer`) }),
    ]),

    step('Look who is in the directory', [service({ unit: `${unit}.timer`, reads: [`/etc/systemd/system/${unit}.timer`] })]),
  ]
}

const unit = 'provision-ldap'
