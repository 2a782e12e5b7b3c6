import assert from 'node:assert/strict'
import { corrections } from '../../src/engine/act.ts'
import { arm } from '../../src/engine/arm.ts'
import { hostProbe } from '../../src/engine/host.ts'
import { compile } from '../../src/engine/probe.ts'
import type { Step } from '../../src/engine/step.ts'
import type { Sh } from '../../src/sh.ts'

/** All that a step ever sends to a host: its probe, its corrections where nothing is there yet, the arming of its undo. */
export function scriptsOf(step: Step): readonly Sh[] {
  const declared = { paths: new Set<string>(), prune: true }
  const fragments = step.resources.map(({ kind, desired }) => kind.probe([kind.among?.(desired, declared) ?? desired]))
  const drift = step.resources.map((one) => {
    const { id, kind } = one
    const desired = kind.among?.(one.desired, declared) ?? one.desired
    const resource = { ...one, desired }
    const current = kind
      .parse(absent[kind.name]?.(kind.key(desired), desired) ?? assert.fail(`no absent state for ${kind.name}`), [desired])
      .get(kind.key(desired))
    assert.notEqual(current, undefined, `${id}: its absent state is unknown`)
    const changes = kind.diff(desired, current)
    assert.notDeepEqual(changes, [], `${id}: no change where nothing is there`)
    return { resource, current, changes }
  })
  return [
    compile([hostProbe, ...fragments], 'nonce'),
    corrections('step', drift, 'nonce', step.guard === undefined ? undefined : arm(step.guard, step.id, 'id')),
    ...(step.guard === undefined ? [] : [step.guard.undo]),
  ]
}

/** The files of a step that are scripts themselves. */
export function scriptFiles({ resources }: Step): readonly { readonly path: string; readonly content: string }[] {
  return resources
    .map(({ desired }) => desired as { path?: string; content?: unknown })
    .filter(
      (file): file is { path: string; content: string } =>
        typeof file.content === 'string' && file.content.startsWith('#!/bin/sh'),
    )
}

/** The state in which nothing is there yet, as each kind's own probe would print it; else an empty answer. */
const absent: Readonly<Record<string, (key: string, desired: unknown) => string>> = {
  // Of the guide: a kind of one's own.
  alternative: (name) => `${name} none\n`,
  file: (path) => `absent ${path}\n`,
  directory: (path) => `absent ${path}\n`,
  owner: (path) => `other ${path} root:root 640 ${path}/a\nend ${path}\n`,
  packages: () => 'end\n',
  // What must be on is absent; what must be off is on.
  service: (unit, desired) =>
    unit === 'systemd-resolved.service'
      ? `Id=${unit}\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled\nNeedDaemonReload=no\n\nstale ${unit}\n`
      : ['off', 'masked'].includes((desired as { state?: string }).state ?? 'on')
        ? `Id=${unit}\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled\nNeedDaemonReload=no\n`
        : unit.startsWith('php')
          ? // One of them must be on and one off.
            `Id=${unit}\nLoadState=loaded\nActiveState=active\nUnitFileState=disabled\nNeedDaemonReload=no\nDropInPaths=/etc/zz.conf\n\nbeside\t/etc/zz.conf\tyes\tUser\n`
          : `Id=${unit}\nLoadState=not-found\nActiveState=inactive\nUnitFileState=\nNeedDaemonReload=no\nstale ${unit}\n`,
  user: (name) => `absent ${name}\n`,
  'authorized-keys': () => 'end\n',
  'ufw-rules': () => 'enabled yes\n',
  'ufw-defaults': () => 'end\n',
  ban: () => 'address 192.0.2.1\njail sshd\n',
  'apt-sources': () => 'source\t/etc/apt/sources.list\thttp://mirror.example/debian\tstable\tmain\nend\n',
  'time-sync': () => 'rtc local\nunsynchronised\n',
  upgrade: (name) => `pending ${name}\n`,
  contents: (path) => `owner former ${path}\n`,
  artifact: (name) => `${name}\tamd64\tabsent\t\n`,
  certificate: (name) => `absent ${name}\n`,
  'private-key': (path) => `key absent - absent ${path}\n`,
  password: (name) => `row ${name} x\nstamp ${name} \n`,
  'mail-account': () => 'end\n',
  'basic-auth': (path) => `absent ${path}\nstamp ${path} \n`,
  'undeclared-mail': () => `credentials a@b.c ${'0'.repeat(64)}\nmailbox a@b.c\ndomain b.c\nend\n`,
  'borg-repository': () => 'end\n',
  group: (name) => `absent ${name}\n`,
  'nft-table': (table) => `absent ${table}\nstamp ${table} \n`,
  'packet-filter': () => '4 *filter\n4 -A INPUT -j ACCEPT\nend\n',
  'other-access': () =>
    'me x\nfile /etc/sudoers.d/x y\nkeys\tb\t/home/b/.ssh/authorized_keys\tb@c\nmember sudo b\npassword xouser\nend\n',
  listening: () => 'tcp LISTEN 0 1 *:3306 *:* users:(("mariadbd",pid=1,fd=3))\nrange 32768 60999\n',
  'nfs-server': () => 'LoadState=not-found\nActiveState=inactive\nUnitFileState=\n',
  'archive-key': (path) => `absent ${path}\n`,
  database: () => 'absent\n',
  'mariadb-access': () => 'absent\n',
  reboot: () => 'required linux-image\nend\n',
  hostname: () => 'running a\nfile a\n',
  ipv6: () => 'off\nhelper\nend\n',
  'time-zone': () => 'link a\nfile a\n',
  locales: () => 'have C\ndefault \n',
  'sshd-settings': () => 'port 22\nend\n',
  'served-certificate': () => 'mail 25 none\n',
}
