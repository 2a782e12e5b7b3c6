import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Check } from '../../../src/doctor/check.ts'
import { backup } from '../../../src/doctor/checks/inside/backup.ts'
import { clock } from '../../../src/doctor/checks/inside/clock.ts'
import { disk } from '../../../src/doctor/checks/inside/disk.ts'
import { queue } from '../../../src/doctor/checks/inside/queue.ts'
import { rebootCheck } from '../../../src/doctor/checks/inside/reboot.ts'
import { release } from '../../../src/doctor/checks/inside/release.ts'
import { units } from '../../../src/doctor/checks/inside/units.ts'
import { updates } from '../../../src/doctor/checks/inside/updates.ts'
import { judged } from '../../../src/doctor/checks/outside/signed-mail.ts'
import { examine } from '../../../src/doctor/examine.ts'
import type { Patient } from '../../../src/doctor/patient.ts'
import { line } from '../../../src/doctor/told.ts'
import { playbook, step } from '../../../src/engine/step.ts'
import { service } from '../../../src/kinds/system/service.ts'

const playbooks = [playbook('p', [step('Run', [service({ unit: 'a.service' }), service({ unit: 'provision-backup.timer' })])])]
const now = 1_800_000_000
const hours = (n: number) => now - n * 3600

/** What the host printed, and what the check makes of it: all that is not ok, or “ok”. */
const cases: readonly (readonly [Check, string, string, string])[] = [
  [disk, 'half full', 'space 50 /\ninodes 3 /\n', 'ok'],
  [disk, 'at 80 %', 'space 80 /var\ninodes 3 /var\n', 'warning: disk: /var: 80 % full'],
  [disk, 'without inodes', 'space 10 /\ninodes 91 /\n', 'error: disk: /: 91 % of its inodes used'],
  [disk, 'not told of', '', 'could not look: disk: disk: there was nothing to look at'],
  [queue, 'empty', `waiting 0\noldest 0\nnow ${now}\n`, 'ok'],
  [queue, 'with mail of this hour', `waiting 3\noldest ${hours(0)}\nnow ${now}\n`, 'ok'],
  [
    queue,
    'with mail of this morning',
    `waiting 3\noldest ${hours(5)}\nnow ${now}\n`,
    'warning: queue: queue: 3 wait, the oldest for 5 h',
  ],
  [
    queue,
    'with mail of yesterday',
    `waiting 1\noldest ${hours(25)}\nnow ${now}\n`,
    'error: queue: queue: 1 wait, the oldest for 25 h',
  ],
  [queue, 'not told of', 'now 1\n', 'could not look: queue: queue: the host said nothing about waiting'],
  [rebootCheck, 'not needed', 'kernel 6.1.0-1 6.1.0-1\ndone\n', 'ok'],
  [
    rebootCheck,
    'needed',
    'since 2026-11-20 10:00\nfor libc6\nfor linux-image-amd64\ndone\n',
    'warning: reboot: reboot: is needed since 2026-11-20, for libc6 linux-image-amd64',
  ],
  [
    rebootCheck,
    'into another kernel',
    'kernel 6.1.0-1 6.1.0-2\ndone\n',
    'warning: reboot: kernel: 6.1.0-1 runs, 6.1.0-2 is installed',
  ],
  [release, 'in 2026', '2026-11-21\n', 'ok'],
  [release, 'in its last half year', '2028-02-01\n', 'warning: release: Debian 12: has its last fixes on 2028-06-30'],
  [release, 'afterwards', '2028-07-01\n', 'error: release: Debian 12: had its last fixes on 2028-06-30'],
  [backup, 'of last night', `now ${now}\nsince ${hours(900)}\nlast ${hours(14)}\n`, 'ok'],
  [
    backup,
    'missed',
    `now ${now}\nsince ${hours(900)}\nlast ${hours(51)}\n`,
    'error: backup: backup: the last one is 51 hours old',
  ],
  [backup, 'not yet due', `now ${now}\nsince ${hours(5)}\nlast never\n`, 'ok'],
  [backup, 'that never was', `now ${now}\nsince ${hours(60)}\nlast never\n`, 'error: backup: backup: there is none yet'],
  [units, 'all running', 'state active\nstate active\n', 'ok'],
  [units, 'one failed', 'state failed\nstate active\nfailed a.service\n', 'error: units: a.service: has failed'],
  [units, 'one stopped', 'state inactive\nstate active\n', 'error: units: a.service: does not run: it is inactive'],
  [
    units,
    'one that dies at each start',
    'state activating auto-restart 412 7\nstate active waiting 0 90\n',
    'error: units: a.service: does not run: it dies at each start, 412 times so far',
  ],
  [
    units,
    'one that dies a moment after each start',
    'state active running 412 3\nstate active waiting 0 90\n',
    'error: units: a.service: has died and was started again 412 times, the last time 3 s ago',
  ],
  [units, 'one that died some day and has run since', 'state active running 4 86400\nstate active waiting 0 90\n', 'ok'],
  [units, 'a mount that a container cannot have', 'state active\nstate active\nfailed run-x.mount\ncontainer\n', 'ok'],
  [units, 'half told', 'state active\n', 'could not look: units: units: systemctl reported 1 units, not of 2'],
]

for (const [check, what, printed, expected] of cases) {
  test(`doctor: ${check.id}, ${what}: ${expected}`, async () => {
    const patient = { playbooks, on: async () => printed, server: {} } as unknown as Patient
    const [result] = await examine([check], patient)
    const bad = result!.findings.filter(({ verdict }) => verdict !== 'ok').map((one) => line(check.id, one))
    assert.equal(bad.join('\n') || 'ok', expected)
  })
}

const time = (more: string) => `synchronised yes\n${more}`
for (const [what, printed, expected] of [
  ['kept by one service', time('container none\nenabled chrony\nrunning chrony\n'), 'ok'],
  ['kept by none', time('container none\nenabled\nrunning\n'), 'error: clock: service: no time service is enabled'],
  [
    'kept by two',
    time('container none\nenabled systemd-timesyncd chrony\nrunning chrony\n'),
    'error: clock: service: two keep the time: systemd-timesyncd chrony',
  ],
  ['in a container', time('container systemd-nspawn\nenabled\nrunning\n'), 'ok'],
  [
    'not synchronised',
    'synchronised no\ncontainer none\nenabled chrony\nrunning chrony\n',
    'error: clock: service: chrony runs, and has not synchronised the clock',
  ],
] as const) {
  test(`doctor: clock, ${what}: ${expected}`, async () => {
    const patient = { on: async () => `now ${Date.now() / 1000}\n${printed}` } as unknown as Patient
    const [result] = await examine([clock], patient)
    assert.equal(
      result!.findings
        .filter(({ verdict }) => verdict !== 'ok')
        .map((one) => line('clock', one))
        .join('\n') || 'ok',
      expected,
    )
  })
}

test('doctor: a clock that is minutes off is an error, seconds a warning', async () => {
  for (const [off, verdict] of [
    [600, 'error'],
    [-600, 'error'],
    [10, 'warning'],
  ] as const) {
    const printed = `now ${Date.now() / 1000 + off}\nsynchronised yes\ncontainer none\nenabled chrony\nrunning chrony\n`
    const [result] = await examine([clock], { on: async () => printed } as unknown as Patient)
    assert.equal(result!.verdict, verdict)
  }
})

test('doctor: updates that do not come, and lists that are old', async () => {
  const told = (on: string, lists: number, waiting: number) =>
    `on ${on}\napt-daily.timer enabled active\napt-daily-upgrade.timer enabled active\ninstalled ii \nlists ${hours(lists)}\nnow ${now}\nwaiting ${waiting}\n`
  for (const [printed, expected] of [
    [told('1', 2, 0), []],
    [told('0', 2, 0), ['error: updates: unattended-upgrades: does not install anything']],
    [
      told('1', 24 * 5, 2),
      ['error: updates: package lists: were refreshed 5 days ago', 'warning: updates: security: 2 security updates wait'],
    ],
  ] as const) {
    const patient = { on: async () => printed, server: { updates: { automatic: true } } } as unknown as Patient
    const [result] = await examine([updates], patient)
    assert.deepEqual(
      result!.findings.filter(({ verdict }) => verdict !== 'ok').map((one) => line('updates', one)),
      expected,
    )
  }
})

test('doctor: what a receiver makes of a mail: each fault once, and no verdict where the DNS was silent', () => {
  const pass = { family: 'IPv4', dkim: 'pass', why: '', spf: 'pass', dmarc: 'pass' }
  const told = (...seen: readonly (typeof pass)[]) => judged('a.example', seen).map((one) => line('m', one))
  assert.deepEqual(told(pass, { ...pass, family: 'IPv6' }), ['ok: m: a.example: SPF, DKIM and DMARC pass'])
  assert.deepEqual(told({ ...pass, dkim: 'fail', why: 'bad signature' }, { ...pass, family: 'IPv6', dkim: 'fail' }), [
    'error: m: a.example: DKIM fail: bad signature',
  ])
  assert.deepEqual(told(pass, { ...pass, family: 'IPv6', spf: 'softfail' }), [
    'error: m: a.example: SPF softfail: its record does not let the IPv6 address send',
  ])
  assert.deepEqual(told({ ...pass, dkim: 'none', dmarc: 'none' }), [
    'error: m: a.example: its mail is not signed by DKIM',
    'warning: m: a.example: there is no DMARC record',
  ])
  assert.deepEqual(told({ ...pass, dmarc: 'fail' }), ['error: m: a.example: DMARC fail, although SPF and DKIM pass'])
  assert.match(told(pass, { ...pass, spf: 'temperror' })[0]!, /^could not look/)
})
