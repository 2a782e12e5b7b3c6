import { probeConf, probeCurl } from '../files/etc/provision/probe.conf.ts'
import { heartbeatCurl, watchConf, watchPlaces } from '../files/etc/provision/watch.conf.ts'
import { bansTimer } from '../files/etc/systemd/system/provision-bans.timer.ts'
import { visitors } from '../files/usr/local/sbin/provision-visitors.ts'
import { type Playbook, playbook, step } from '../src/engine/step.ts'
import { nebulaEnds, probeLogin, reverseName, type Server } from '../src/inventory/inventory.ts'
import { directory } from '../src/kinds/files/directory.ts'
import { file } from '../src/kinds/files/file.ts'
import { packages } from '../src/kinds/packages/packages.ts'
import { service } from '../src/kinds/system/service.ts'
import { sh } from '../src/sh.ts'
import { text } from '../src/util/text.ts'

type Watch = Pick<Server, 'address' | 'address6' | 'doctor' | 'fail2ban' | 'mail' | 'nebula' | 'sites' | 'watch'> & {
  /** What the playbooks before this one have running. */
  readonly units: readonly string[]
}

/**
 * The host checks itself: each minute whether mail works (`provision-probe`, by an account of its own over 25, 465, 587 and 993) and Caddy answers,
 * each hour everything else (`provision-watch`). Silent while all is well; what comes and what goes is reported once, by provision-notify.
 */
export const watch = ({
  address,
  address6,
  doctor,
  fail2ban: { ignore },
  mail,
  nebula,
  sites,
  watch: { heartbeat, messages, recipients, logins_from, bans },
  units,
}: Watch): Playbook => {
  const probe = probeLogin(mail)
  return playbook('watch', [
    step('Install what the watch looks with', [packages({ name: 'watch', installed: ['bind9-dnsutils', 'openssl', 'curl'] })]),

    step('Configure the watch', [
      heartbeat !== undefined && file({ path: config, mode: '0600', content: heartbeatCurl(heartbeat) }),
      file({
        path: '/etc/provision/watch.conf',
        content: watchConf({
          ...{ units, messages, recipients, probe: probe.address },
          blocklists: doctor.blocklists.flatMap((list) => [
            ...(address === undefined ? [] : [{ list, own: reverseName(address, ''), test: reverseName('127.0.0.2', '') }]),
            ...(address6 === undefined ? [] : [{ list, own: reverseName(address6, ''), test: reverseName('::ffff:7f00:2', '') }]),
          ]),
          heartbeat: heartbeat === undefined ? undefined : config,
        }),
      }),
      file({
        path: '/usr/local/sbin/provision-watch',
        mode: '0755',
        content: text('usr/local/sbin/provision-watch'),
        check: sh`sh -n "$tmp"`,
      }),
      file({
        path: '/etc/provision/probe.conf',
        content: probeConf({ address: probe.address, sites: sites.map(({ domain }) => domain) }),
      }),
      file({ path: '/etc/provision/probe.curl', mode: '0600', content: probeCurl(probe) }),
      file({
        path: '/usr/local/sbin/provision-probe',
        mode: '0755',
        content: text('usr/local/sbin/provision-probe'),
        check: sh`sh -n "$tmp"`,
      }),
      ...filesOf('probe', text('etc/systemd/system/provision-probe.timer')),
      directory({ path: watchPlaces.told, mode: '0700' }),
      // The host has no program that reads a certificate of nebula.
      nebula !== undefined && file({ path: watchPlaces.overlay, mode: '0600', content: nebulaEnds(nebula) }),
      file({ path: `/etc/systemd/system/${unit}.service`, content: text(`etc/systemd/system/${unit}.service`) }),
      file({ path: `/etc/systemd/system/${unit}.timer`, content: text(`etc/systemd/system/${unit}.timer`) }),
      (logins_from !== undefined || bans !== undefined) &&
        file({
          path: '/usr/local/sbin/provision-visitors',
          mode: '0755',
          content: visitors({ known: ['127.0.0.0/8', '::1', ...ignore, ...(logins_from ?? [])] }),
          check: sh`sh -n "$tmp"`,
        }),
      ...(logins_from === undefined ? [] : filesOf('logins', text('etc/systemd/system/provision-logins.timer'))),
      ...(bans === undefined ? [] : filesOf('bans', bansTimer(bans))),
    ]),

    step('Watch every hour, and mail every minute', [
      timer('probe', true),
      service({ unit: `${unit}.timer`, reads: [`/etc/systemd/system/${unit}.timer`] }),
      timer('logins', logins_from !== undefined),
      timer('bans', bans !== undefined),
    ]),
  ])
}

const filesOf = (name: 'probe' | 'logins' | 'bans', content: string) => [
  file({
    path: `/etc/systemd/system/provision-${name}.service`,
    content: text(`etc/systemd/system/provision-${name}.service`),
  }),
  file({ path: `/etc/systemd/system/provision-${name}.timer`, content }),
]

const timer = (name: 'probe' | 'logins' | 'bans', on: boolean) =>
  on
    ? service({ unit: `provision-${name}.timer`, reads: [`/etc/systemd/system/provision-${name}.timer`] })
    : service({ unit: `provision-${name}.timer`, state: 'off' })

const unit = 'provision-watch'
const config = '/etc/provision/heartbeat.curl'
