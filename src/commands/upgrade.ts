import type { Resource } from '../engine/kind.ts'
import { type Plan, plan, select } from '../engine/plan.ts'
import { recover } from '../engine/recover.ts'
import type { Step } from '../engine/step.ts'
import { ProvisionError } from '../errors.ts'
import { pin } from '../inventory/edit/edit.ts'
import type { Io } from '../session/io.ts'
import { type Opened, open } from '../session/open.ts'
import { stopSignals } from '../session/signals.ts'
import type { Sh } from '../sh.ts'
import { recipes, type Upgradable } from '../upgrade/recipes.ts'
import { complaints, switchTo } from '../upgrade/switch.ts'
import { who } from '../util/who.ts'
import { type ChangeOptions, changeInventory, writable } from './inventory/change.ts'

/** What `provision upgrade PROGRAM --to V` may be told. */
export interface UpgradeOptions extends Omit<ChangeOptions, 'apply'> {
  readonly to: string
}

/**
 * Moves a pinned program of a host to another version, and pins that in the inventory once it works there. When it does not, the
 * host has gone back to the old one with all that it kept, and the inventory is as it was. Returns the exit code.
 */
export async function upgradeProgram(options: UpgradeOptions, io: Io, program: string): Promise<number> {
  const { to } = options
  const name = upgradable(program)
  const found = await writable({ ...options, apply: false }, io)
  const { server, store } = found.inventory
  const { version } = server.artifacts[name]
  pin(name, to)(found.inventory.file, found.text)
  await store.open()
  const opened = await open({ ...options, only: [name], pins: { [name]: to } }, io)
  try {
    const steps = select(opened.playbooks, [name])
    await opened.secrets.open(steps)
    const looked = await plan(opened.connection, opened.host, steps)
    const seen = looked.host.upgrade === undefined ? looked : await afterBack(opened, looked, steps, io)
    if (differs(seen, name, options.host)) {
      io.report.say(
        `${opened.host}: ${name} ${version} → ${to}: it verifies the configuration, what it keeps is saved, and it goes back by itself when it does not work`,
      )
      if (!options.yes && !(await io.ask!.confirm(`Move ${name} on ${opened.host} to ${to}?`))) return 1
      await move(opened, seen, name, switchOf(opened, name), recipes[name](server), io)
      io.report.say(`${opened.host}: ${name} ${to} works`)
    } else io.report.say(`${opened.host} has ${name} ${to} already`)
  } finally {
    await opened.close()
  }
  if (version === to) return 0
  return changeInventory(found, pin(name, to), { concerns: [name] }, { ...options, yes: true, apply: false }, io)
}

/** An upgrade before this one was cut off: first of all the host goes back from it, and what that leaves stale is restarted. */
async function afterBack(opened: Opened, seen: Plan, steps: readonly Step[], io: Io): Promise<Plan> {
  io.report.say(`${opened.host}: the upgrade of ${seen.host.upgrade} was cut off: going back first`)
  await recover(opened.connection, seen, who())
  return plan(opened.connection, opened.host, steps)
}

function upgradable(name: string): Upgradable {
  if (Object.hasOwn(recipes, name)) return name as Upgradable
  throw new ProvisionError(
    name,
    `cannot be moved this way; ${Object.keys(recipes).join(' and ')} can`,
    'what keeps nothing needs no way back: change its version in the inventory, and run provision',
  )
}

/** Whether it is another version that runs there. Throws ProvisionError when anything else of its playbook differs as well. */
function differs({ steps }: Plan, name: string, host: string): boolean {
  const others = steps.flatMap(({ drift, unknown }) => [
    ...drift.map(({ resource }) => resource.id),
    ...unknown.map(({ id }) => id),
  ])
  const [same, rest] = [others.filter((id) => id === `artifact:${name}`), others.filter((id) => id !== `artifact:${name}`)]
  if (rest.length === 0) return same.length > 0
  throw new ProvisionError(
    rest.join(' '),
    'differ too, and then nobody knows what broke it',
    `correct that first: provision --host ${host} --only ${name}`,
  )
}

/** The resources of the program and of its unit, as its playbook declares them. */
function switchOf({ playbooks }: Opened, name: Upgradable): { readonly program: Resource; readonly unit: Resource } {
  const all = playbooks.flatMap(({ steps }) => steps.flatMap(({ resources }) => resources))
  const named = (id: string): Resource => {
    const one = all.find((resource) => resource.id === id)
    if (one === undefined) throw new ProvisionError(id, 'the playbooks do not declare it', 'only what they install can be moved')
    return one
  }
  return { program: named(`artifact:${name}`), unit: named(`service:${name}.service`) }
}

/** Sends it, and has the host do the rest. Throws ProvisionError when the old version is in place again, or was never left. */
async function move(
  opened: Opened,
  seen: Plan,
  name: Upgradable,
  { program, unit }: ReturnType<typeof switchOf>,
  recipe: ReturnType<(typeof recipes)[Upgradable]>,
  io: Io,
): Promise<void> {
  const { connection } = opened
  const { architecture } = seen.host
  await recover(connection, seen, who())
  const signals = stopSignals((line) => io.report.say(line))
  try {
    const [artifact] = program.kind.send?.(program.desired, { architecture }) ?? []
    const { path, sha256 } = await opened.obtain(artifact!, architecture, (text) => io.report.say(text))
    await connection.put(path, sha256)
    const corrections = {
      program: program.kind.apply(program.desired, { architecture }, []),
      restart: restartOf(unit),
    }
    const { code, stdout } = await connection.work(switchTo(name, sha256, recipe, corrections), (line) => io.report.say(line))
    if (code !== 0) throw failed(name, code, complaints(stdout))
  } finally {
    signals.forget()
  }
}

const restartOf = ({ kind, desired }: Resource): Sh =>
  kind.apply(desired, { enabled: 'enabled', active: 'active', unit: 'loaded', config: 'stale', reload: false }, [
    { field: 'config', from: 'stale', to: 'fresh' },
  ])

function failed(name: string, code: number, why: string): ProvisionError {
  if (code === 3)
    return new ProvisionError(name, `the old version goes on, nothing was touched: ${why}`, 'the inventory is as it was')
  if (code === 4)
    return new ProvisionError(name, `the old version works again, with all that it kept: ${why}`, 'the inventory is as it was')
  return new ProvisionError(
    name,
    `the way back failed with exit code ${code}: ${why}`,
    `what it kept before is in /var/lib/provision/upgrade/${name}: look at “journalctl -u ${name}” on the host`,
  )
}
