import { aliases, leaving } from '../files/etc/maddy/aliases.ts'
import { checkConf, checkConfPath } from '../files/etc/maddy/check.conf.ts'
import { maddyConf } from '../files/etc/maddy/maddy.conf.ts'
import { nftRules } from '../files/etc/nftables.d/provision.nft.ts'
import { acmePlaces } from '../files/usr/local/sbin/provision-certificates.ts'
import { ldapPlaces } from '../files/usr/local/sbin/provision-ldap.ts'
import { type Playbook, playbook, step } from '../src/engine/step.ts'
import {
  aliasLines,
  dkimFiles,
  leavingAliases,
  mailLogins,
  probeLogin,
  type Server,
  systemLogin,
} from '../src/inventory/inventory.ts'
import { directory } from '../src/kinds/files/directory.ts'
import { file } from '../src/kinds/files/file.ts'
import { owner } from '../src/kinds/files/owner.ts'
import { privateKey } from '../src/kinds/files/private-key.ts'
import { mailAccount } from '../src/kinds/mail/mail-account.ts'
import { servedCertificate } from '../src/kinds/mail/served-certificate.ts'
import { undeclaredMail } from '../src/kinds/mail/undeclared-mail.ts'
import { nftTable } from '../src/kinds/network/nft-table.ts'
import { type ArtifactOrigin, artifact } from '../src/kinds/packages/artifact.ts'
import { packages } from '../src/kinds/packages/packages.ts'
import { verifyMaddy } from '../src/kinds/sh/maddy.ts'
import { service } from '../src/kinds/system/service.ts'
import type { Secret } from '../src/secret.ts'
import { sh } from '../src/sh.ts'
import { text } from '../src/util/text.ts'

type Maddy = Pick<Server, 'mail' | 'domains' | 'dns' | 'rspamd' | 'fail2ban' | 'artifacts'> & {
  readonly origin: ArtifactOrigin
  readonly stampKey: Secret
  readonly prune: boolean
}

const guard = 'provision-outgoing.service'
const check = '/usr/local/sbin/provision-mail-check'

/** The mail server: all domains, their accounts and aliases. */
export const maddy = ({ mail, domains, dns, rspamd, fail2ban, artifacts, origin, stampKey, prune }: Maddy): Playbook => {
  const accounts = mailLogins(mail.mode, domains)
  const rules = nftRules({ known: fail2ban.ignore })
  const names = domains.map(({ name }) => name)
  const certificate = `${acmePlaces.live}/${mail.hostname}/live` as const
  return playbook('maddy', [
    step('Install what maddy is looked at and guarded with', [
      packages({ name: 'maddy', installed: ['sqlite3', 'curl', 'nftables'] }),
    ]),
    step('Install maddy', [artifact({ name: 'maddy', ...origin, path: '/usr/local/bin/maddy' })]),

    step('Configure maddy', [
      directory({ path: '/var/lib/maddy', mode: '0750', owner: 'maddy', group: 'maddy' }),
      owner({
        ...{ path: '/var/lib/maddy', owner: 'maddy', group: 'maddy' },
        large: '/var/lib/maddy/messages',
        listed: '/run/provision/watch/owners',
      }),
      directory({ path: '/etc/maddy' }),
      directory({ path: '/etc/systemd/system/maddy.service.d' }),
      file({ path: '/etc/systemd/system/maddy.service', content: text('etc/systemd/system/maddy.service') }),
      file({
        path: '/etc/systemd/system/maddy.service.d/provision.conf',
        content: text('etc/systemd/system/maddy.service.d/provision.conf'),
      }),
      file({
        path: '/etc/maddy/aliases',
        content: aliases(aliasLines(domains, mail.mode)),
        notes: leaving(leavingAliases(domains)),
      }),
      // maddy does not take a configuration that names a program which is not there.
      file({
        path: check,
        mode: '0755',
        content: text('usr/local/sbin/provision-mail-check'),
        check: sh`perl -c "$tmp" 2>/dev/null`,
      }),
      file({
        path: checkConfPath,
        content: checkConf({
          domains: names,
          mode: mail.mode,
          messagesPerHour: mail.limits.rate_per_hour,
          recipientsPerHour: mail.limits.recipients_per_hour,
          // The published program stops at it.
          takesMalformed: artifacts.maddy.source === 'build',
          freePercent: mail.limits.free_percent,
          freeLeast: mail.limits.free_mb,
        }),
      }),
      file({
        path: '/etc/maddy/maddy.conf',
        content: maddyConf({
          hostname: mail.hostname,
          primaryDomain: mail.primary,
          domains: names,
          selectors: new Map(domains.map(({ name, dkim }) => [name, dkim.key])),
          certificate,
          mode: mail.mode,
          catchAll: domains.flatMap(({ name, catch_all: to }) => (to === undefined ? [] : [{ domain: name, to }])),
          system: { address: systemLogin(mail).address, to: `postmaster@${mail.primary}` },
          rspamd: rspamd !== undefined,
          ldap: mail.ldap !== undefined,
          maxRecipients: mail.limits.max_recipients,
        }),
        check: sh`chmod 0644 "$tmp"
${verifyMaddy('/usr/local/bin/maddy', sh`"$tmp"`)}`,
      }),
    ]),

    // The first one maddy makes by itself. One that comes is published before maddy knows of it.
    step(
      'Make the next keys to sign with',
      domains.flatMap(({ name, dkim: { next } }) => {
        if (next === undefined) return []
        const { key, record } = dkimFiles(name, next)
        return [privateKey({ path: key, record, type: 'rsa', owner: 'maddy' })]
      }),
    ),

    // A site that was broken into cannot send past the queue, and one address cannot hold all connections.
    step('Write who may reach whom by mail', [
      directory({ path: '/etc/nftables.d' }),
      file({ path: '/etc/nftables.d/provision.nft', content: rules, check: sh`nft -c -f "$tmp"` }),
      file({ path: `/etc/systemd/system/${guard}`, content: text(`etc/systemd/system/${guard}`) }),
    ]),
    step({ title: 'Keep port 25 outwards for maddy, and its ports for all', risk: 'mail outage where it is wrong' }, [
      service({ unit: guard, reads: ['/etc/nftables.d/provision.nft', `/etc/systemd/system/${guard}`] }),
      nftTable({ table: 'provision', rules, unit: guard }),
    ]),

    // A restart takes 0.15 s and cuts clients just as a reload does; a bad reload would leave the unit hanging.
    // The certificate and the aliases are read again by maddy itself.
    step({ title: 'Run maddy', risk: 'mail outage: under a second' }, [
      service({
        unit: 'maddy.service',
        reads: [
          '/etc/maddy/maddy.conf',
          '/usr/local/bin/maddy',
          '/etc/systemd/system/maddy.service',
          '/etc/systemd/system/maddy.service.d',
          // It believes a resolver on loopback alone, and asks which one it is when it starts.
          ...(dns.resolver === undefined ? [] : (['/etc/resolv.conf'] as const)),
        ],
      }),
      // A directory that is not declared any more gives nobody a mailbox.
      mail.ldap === undefined && service({ unit: 'provision-ldap.timer', state: 'off' }),
    ]),
    step('See that the certificate is served', [
      servedCertificate({
        name: 'mail',
        file: `${certificate}/fullchain.pem`,
        ports: [{ port: 25, starttls: 'smtp' }, { port: 465 }, { port: 587, starttls: 'smtp' }, { port: 993 }],
        unit: 'maddy.service',
      }),
    ]),

    step(
      'Make the accounts',
      // What the probe sends itself a mail with comes last: people's are what matters.
      [...accounts, probeLogin(mail)].map((login) => mailAccount({ ...login, stampKey })),
    ),
    step('See who else has an account', [
      undeclaredMail({
        credentials: [...accounts, systemLogin(mail), probeLogin(mail)].map(({ name }) => name),
        mailboxes: [...accounts, probeLogin(mail)].flatMap(({ mailboxes }) => mailboxes),
        domains: names,
        ...(mail.ldap === undefined ? {} : { directory: ldapPlaces.addresses }),
        others: prune ? 'remove' : 'keep',
      }),
    ]),
  ])
}
