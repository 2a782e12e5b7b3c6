import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { corrections } from '../../src/converge.ts'
import { arm } from '../../src/guard.ts'
import { hostProbe } from '../../src/host.ts'
import { compile } from '../../src/probe.ts'
import type { Sh } from '../../src/sh.ts'
import { referencePlaybooks, referenceServer } from '../reference.ts'

const refused = ({ text }: Sh): string => spawnSync('dash', ['-n'], { input: text, encoding: 'utf8' }).stderr

/** The state in which nothing is there yet, as each kind's own probe would print it; else an empty answer. */
const absent: Readonly<Record<string, (key: string) => string>> = {
  file: (path) => `absent ${path}\n`,
  directory: (path) => `absent ${path}\n`,
  packages: () => 'end\n',
  // What must be on is absent; what must be off is on.
  service: (unit) =>
    unit === 'ssh.socket'
      ? `Id=${unit}\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled\nNeedDaemonReload=no\n`
      : `Id=${unit}\nLoadState=not-found\nActiveState=inactive\nUnitFileState=\nNeedDaemonReload=no\nstale ${unit}\n`,
  user: (name) => `absent ${name}\n`,
  'authorized-keys': () => 'end\n',
  'ufw-rules': () => 'enabled yes\n',
  'ufw-defaults': () => 'end\n',
  upgrade: (name) => `pending ${name}\n`,
  artifact: (name) => `${name}\tamd64\tabsent\t\n`,
  certificate: (name) => `absent ${name}\n`,
  password: (name) => `row ${name} x\nstamp ${name} \n`,
  'mail-account': () => 'end\n',
  'basic-auth': (path) => `absent ${path}\nstamp ${path} \n`,
  listening: () => 'tcp LISTEN 0 1 *:3306 *:* users:(("x",pid=1,fd=3))\nrange 32768 60999\n',
  hostname: () => 'running a\nfile a\n',
  'time-zone': () => 'link a\nfile a\n',
  locales: () => 'default \n',
  'sshd-settings': () => 'port 22\nend\n',
  'served-certificate': () => 'mail 25 none\n',
}

for (const provider of [{ provider: 'ovh' }, { provider: 'nsupdate', server: '192.0.2.53' }]) {
  const steps = referencePlaybooks(referenceServer((raw) => Object.assign(raw, { dns: provider }))).flatMap((one) => one.steps)

  test(`every probe and every correction is sh that dash takes, with dns by ${provider.provider}`, () => {
    for (const step of steps) {
      const fragments = step.resources.map(({ kind, desired }) => kind.probe([desired]))
      assert.equal(refused(compile([hostProbe, ...fragments], 'nonce')), '', step.id)
      const drift = step.resources.map((resource) => {
        const { id, kind, desired } = resource
        const current = kind
          .parse(absent[kind.name]?.(kind.key(desired)) ?? assert.fail(`no absent state for ${kind.name}`), [desired])
          .get(kind.key(desired))
        assert.notEqual(current, undefined, `${id}: its absent state is unknown`)
        const changes = kind.diff(desired, current)
        assert.notDeepEqual(changes, [], `${id}: no change where nothing is there`)
        return { resource, current, changes }
      })
      assert.equal(refused(corrections(drift, 'nonce')), '', step.id)
      if (step.guard !== undefined) assert.equal(refused(arm(step.guard)), '', step.id)
    }
  })
}

test('every file that is a script is sh that dash takes', () => {
  const scripts = referencePlaybooks(referenceServer())
    .flatMap(({ steps }) => steps.flatMap(({ resources }) => resources))
    .map(({ desired }) => desired as { path?: string; content?: unknown })
    .filter(
      (file): file is { path: string; content: string } =>
        typeof file.content === 'string' && file.content.startsWith('#!/bin/sh'),
    )
  assert.ok(scripts.length > 0)
  for (const { path, content } of scripts) {
    assert.equal(spawnSync('dash', ['-n'], { input: content, encoding: 'utf8' }).stderr, '', path)
  }
})
