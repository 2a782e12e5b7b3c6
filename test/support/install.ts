import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Inventory, loadInventory } from '../../src/inventory/inventory.ts'
import { zonesOf } from '../../src/rehearsal/internet/zones.ts'
import type { Machine } from '../../src/rehearsal/machine/machine.ts'
import type { Rehearsal } from '../../src/rehearsal/open.ts'
import { findRehearsal, startRehearsal, stopRehearsal } from '../../src/rehearsal/rehearsal.ts'
import { root } from '../../src/util/text.ts'
import { isSettled, type Operator, type Outcome, operatorOf, ours, provision, told } from './harness.ts'

/** The reference server, installed on a host as a provider delivers it, with the command line of its operator. */
export interface Installed {
  readonly rehearsal: Rehearsal
  readonly host: Machine
  readonly operator: Operator
  readonly inventory: Inventory
  /** The run that installed it. */
  readonly first: Outcome
  /** A run that corrects, and ends well; the ids that it corrected, each once, in order. */
  correct(...flags: readonly string[]): Promise<readonly string[]>
  /** A run that has to fail; what its error said. */
  fails(...flags: readonly string[]): Promise<string>
  /** Nothing to do, in one exec. */
  settled(): Promise<void>
  /** The value of a secret of the inventory. */
  secret(name: string): string
  stop(): Promise<void>
}

/**
 * Installs it, and keeps its disk as it is then. PROVISION_TEST_KEEP is the name of a rehearsal that stays: the tests begin from that
 * disk the next time.
 */
export async function install(prefix: string): Promise<Installed> {
  const keep = process.env.PROVISION_TEST_KEEP
  const name = keep || (await ours(prefix))
  const reference = await loadInventory(fileURLToPath(new URL('inventory', root)), 'xoyize.xyz')
  const there = findRehearsal(name)
  const rehearsal =
    there ?? (await startRehearsal({ name, mxname: reference.server.mail.hostname, zones: zonesOf(reference.server) }))
  try {
    const operator = await operatorIn(rehearsal)
    if (there !== undefined) await restart(there)
    // With empty caches it builds maddy and Caddy before it begins.
    const first = await provision({ ...operator, limit: 1_800_000 }, ['--yes'])
    assert.equal(first.code, 0, told(first))
    if (corrected(first).length > 0) await rehearsal.host.snapshot(asInstalled)
    const inventory = await loadInventory(operator.inventory, reference.name)
    await inventory.store.open()
    return {
      ...{ rehearsal, operator, inventory, first },
      get host() {
        return rehearsal.host
      },
      correct: async (...flags) => {
        const run = await provision(operator, ['--yes', ...flags])
        assert.equal(run.code, 0, told(run))
        return corrected(run)
      },
      fails: async (...flags) => {
        const run = await provision(operator, ['--yes', ...flags])
        assert.equal(run.code, 1, told(run))
        return run.error
      },
      settled: async () => {
        const run = await provision(operator, ['--yes'])
        assert.ok(isSettled(run), told(run))
      },
      secret: (one) => inventory.store.value(one) ?? assert.fail(`there is no secret ${one}`),
      stop: () => (keep ? Promise.resolve() : stopRehearsal(name)),
    }
  } catch (error) {
    if (!keep) await stopRehearsal(name)
    throw error
  }
}

/** What a run corrected: the events after its first step, since those before it are the plan. */
export function corrected({ events }: Outcome): readonly string[] {
  const first = events.findIndex(({ event }) => event === 'step')
  const done = first === -1 ? [] : events.slice(first)
  return [...new Set(done.filter(({ event }) => event === 'change').map(({ id }) => id!))]
}

/** The label of the disk after the install. */
export const asInstalled = 'installed'

async function restart(rehearsal: Rehearsal): Promise<void> {
  await rehearsal.host.restore(asInstalled)
  await rehearsal.start()
}

async function operatorIn(rehearsal: Rehearsal): Promise<Operator> {
  const home = join(rehearsal.directory, 'operators', 'host')
  if (existsSync(home)) return { host: rehearsal.host, home, inventory: join(home, 'inventory') }
  return operatorOf(rehearsal, rehearsal.host)
}
