import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Document, parseDocument } from 'yaml'
import { $ } from 'zx'
import { loadInventory } from '../../src/inventory/inventory.ts'
import { secretTag } from '../../src/inventory/yaml.ts'
import type { Image, Layer } from '../../src/rehearsal/image/image.ts'
import { bare } from '../../src/rehearsal/image/images.ts'
import { writeInventory } from '../../src/rehearsal/inventory.ts'
import { until } from '../../src/rehearsal/local.ts'
import type { Machine } from '../../src/rehearsal/machine/machine.ts'
import type { Rehearsal } from '../../src/rehearsal/open.ts'
import { listRehearsals, startRehearsal, stopRehearsal } from '../../src/rehearsal/rehearsal.ts'
import { type Sh, sh } from '../../src/sh.ts'

/** One who runs provision against one host: a HOME with a key of their own, an inventory, and perhaps playbooks of their own. */
export interface Operator {
  readonly host: Machine
  readonly home: string
  /** The folder of the inventory. */
  readonly inventory: string
  /** How long a run may take, in milliseconds: five minutes, unless the host is slow. */
  readonly limit?: number
}

/** A line of `--json`. */
export interface Event {
  readonly event: 'plan' | 'step' | 'change' | 'unknown' | 'note' | 'end' | 'error'
  readonly id?: string
  readonly state?: string
  readonly changes?: number
  readonly unknown?: number
  readonly changed?: number
  readonly execs?: number
  readonly why?: string
  readonly where?: string
  readonly message?: string
  /** Where several are spoken of. */
  readonly host?: string
}

/** How a run ended, and all that it said. */
export interface Outcome {
  readonly code: number | null
  readonly events: readonly Event[]
  readonly stdout: string
  readonly stderr: string
  /** The error event's `where: message`; empty when there was none. */
  readonly error: string
}

/** A run that goes on. */
export interface Run {
  readonly pid: number
  readonly ended: Promise<Outcome>
  /** What it has said on stderr so far. */
  said(): string
  kill(signal: NodeJS.Signals): void
}

const repository = fileURLToPath(new URL('../..', import.meta.url))
/** The inventory that is rehearsed: the embedded one. */
const name = 'xoyize.xyz'

/** An image with the packages of `access`, `firewall` and `fail2ban` in it: what these tests are about is not apt. */
export const ready = ([first, ...rest]: Image = bare): Image => [first!, tools, ...rest]
const tools: Layer = {
  name: 'packages of access, firewall and fail2ban',
  packages: ['sudo', 'ufw', 'iptables', 'iproute2', 'fail2ban', 'python3-systemd', 'locales', 'sqlite3', 'openssl', 'tzdata'],
}

/** A rehearsal without a host: each test makes those it needs. */
export async function stage(rehearsal: string): Promise<Rehearsal> {
  return startRehearsal({ name: await ours(rehearsal), mxname: `mx1.${name}`, zones: () => [], image: null })
}

/** A rehearsal's name that no other run of the tests has. What runs left that have died is taken away. */
export async function ours(rehearsal: string): Promise<string> {
  for (const other of listRehearsals()) {
    const pid = new RegExp(`^${rehearsal}-(\\d+)$`).exec(other)?.[1]
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) await stopRehearsal(other)
  }
  return `${rehearsal}-${process.pid}`
}

/** An operator for a host, with a fresh key. `change` may change the inventory before it is written. */
export async function operatorOf(
  rehearsal: Rehearsal,
  host: Machine,
  { as = host.name, change }: { readonly as?: string; readonly change?: (document: Document) => void } = {},
): Promise<Operator> {
  const directory = join(rehearsal.directory, 'operators', as)
  mkdirSync(join(directory, '.ssh'), { recursive: true, mode: 0o700 })
  await $`ssh-keygen -q -t ed25519 -N '' -C ${`${as}@example`} -f ${join(directory, '.ssh', 'id_ed25519')}`
  const { address: v4, address6: v6 } = host
  const { acmeDirectory, caBundle, dnsServer, tsig, aptProxy, ntfy, storage } = rehearsal
  const addresses = { ...rehearsal.addresses, host: { v4, v6 } }
  const at = { directory, host, addresses, acmeDirectory, caBundle, dnsServer, tsig, aptProxy, ntfy, storage }
  await writeInventory(await loadInventory(join(repository, 'inventory'), name), at, () => undefined)
  const operator = { host, home: directory, inventory: join(directory, 'inventory') }
  // What these tests are about is the host: its zones are told of where a test asks for it.
  edit(operator, (document) => document.setIn(['dns', 'in_plan'], false))
  if (change !== undefined) edit(operator, change)
  return operator
}

/** Changes the inventory of an operator. */
export function edit({ inventory }: Operator, change: (document: Document) => void): void {
  const file = join(inventory, `${name}.yml`)
  const document = parseDocument(readFileSync(file, 'utf8'), { customTags: [secretTag] })
  change(document)
  writeFileSync(file, document.toString())
}

/** Gives the operator a `playbooks/index.ts`: the function of that name in ./sabotage.ts; ours again without one. */
export function playbooksOf({ inventory }: Operator, sabotage = 'none'): void {
  const file = join(dirname(inventory), 'playbooks', 'index.ts')
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `export { ${sabotage} as server } from ${JSON.stringify(new URL('sabotage.ts', import.meta.url).href)}\n`)
}

/** Runs the real command line, and waits for its end. */
export const provision = (operator: Operator, flags: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<Outcome> =>
  begin(operator, flags, more).ended

/** Runs another command than the plan and its correction, as people read it, and waits for its end. */
export const command = (operator: Operator, words: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<Outcome> =>
  begin(operator, ['--text', ...words], more).ended

/** Starts the real command line: no terminal, an environment of its own. It is ended when it takes too long. */
export function begin(
  { host, home, inventory, limit = 300_000 }: Operator,
  flags: readonly string[],
  more: NodeJS.ProcessEnv = {},
): Run {
  const json = flags.includes('--text') ? [] : ['--json']
  const which = flags.some((flag) => flag === '--host' || flag === '--all') ? [] : ['--host', name]
  const args = [...which, '--inventory', inventory, ...json, ...flags.filter((flag) => flag !== '--text')]
  const env = {
    PATH: process.env.PATH,
    HOME: home,
    XDG_CACHE_HOME: process.env.XDG_CACHE_HOME || join(homedir(), '.cache'),
    PROVISION_ROOT_PASSWORD: host.rootPassword,
    ...more,
  }
  const child = spawn(process.execPath, [join(repository, 'src/bin.js'), ...args], {
    env,
    cwd: home,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: limit,
    killSignal: 'SIGKILL',
  })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const ended = new Promise<Outcome>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, stdout, stderr, ...read(json.length > 0 ? stdout : '') }))
  })
  return { pid: child.pid!, ended, said: () => stderr, kill: (signal) => void child.kill(signal) }
}

function read(json: string): Pick<Outcome, 'events' | 'error'> {
  const events = json
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Event)
  const error = events.find(({ event }) => event === 'error')
  return { events, error: error === undefined ? '' : `${error.where}: ${error.message}` }
}

/** A text with all that a run said, for the message of an assertion. */
export const told = ({ code, stdout, stderr }: Outcome): string => `exit code ${code}\n${stdout}\n${stderr}`

/** A run has nothing to do, and asked the host once. */
export function isSettled({ code, events }: Outcome): boolean {
  const plan = events.find(({ event }) => event === 'plan')
  const end = events.find(({ event }) => event === 'end')
  return code === 0 && plan?.changes === 0 && plan.unknown === 0 && end?.changed === 0 && end.execs === 1
}

/** Waits until something is so on a host, as sh says by its exit code. */
export const untilOn = (host: Machine, what: string, limit: number, condition: Sh): Promise<true> =>
  until({ where: host.name, what, limit, evidence: () => host.console() }, async () =>
    host.running() && (await host.run(condition).catch(() => ({ code: 1 }))).code === 0 ? true : undefined,
  )

/** What a host is: files with digests, modes and owners; packages, units, rules, ports, users. One line each, to compare two hosts. */
export async function fingerprint(host: Machine): Promise<readonly string[]> {
  const seen = await host.must(sh`cd /
${volatile}
find etc usr/local home root/.ssh var/lib/maddy var/lib/provision -xdev -printf '%y %m %U:%G %p %l\n' 2>/dev/null | settled | sort
find etc usr/local home root/.ssh var/lib/provision -xdev -type f -exec sha256sum {} + 2>/dev/null | settled | sort
cut -d: -f1,2 etc/shadow | sed 's/:\(.\{3\}\).*/ password \1/' | sort
dpkg-query -W -f '\${Package} \${Version} \${db:Status-Abbrev}\n'
systemctl list-unit-files --no-legend --plain --state=enabled,masked | sort
systemctl list-units --no-legend --plain --state=failed
systemctl is-active ssh.service ssh.socket ufw.service fail2ban.service provision-undo.timer | sed 's/^/unit /'
if command -v ufw >/dev/null; then ufw status verbose; fi
ss -Hltn | sed 's/^\(\S*\) *\S* *\S* *\(\S*\) .*/listening \1 \2/' | sort
hostname; timedatectl show -p Timezone
ls -A /run/provision 2>/dev/null | grep -vx 'lock\|work\|guarded' || :`)
  return seen.split('\n')
}

/** Throws with the lines in which two fingerprints differ. */
export function assertSame(seen: readonly string[], expected: readonly string[]): void {
  const lines = [
    ...expected.filter((line) => !seen.includes(line)).map((line) => `- ${line}`),
    ...seen.filter((line) => !expected.includes(line)).map((line) => `+ ${line}`),
  ]
  assert.ok(lines.length === 0, lines.join('\n'))
}

/** What differs from one boot, salt or minute to the next. */
const volatile = sh`settled() {
  grep -vE ' (etc/(ssh/ssh_host_.*|machine-id|shadow-?|gshadow-?|passwd-|group-|subuid-|subgid-|\.pwd\.lock|ld\.so\.cache|resolv\.conf|mtab)|var/lib/provision/(stamp/password-.*|log))( |$)'
}`
