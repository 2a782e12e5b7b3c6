import assert from 'node:assert/strict'
import { command, type Outcome, told } from '../../support/harness.ts'
import type { Installed } from '../../support/install.ts'

/** Where the host of a test tells what it tells. */
export const topic = ({ inventory }: Installed): string => inventory.server.ntfy!.topic

/** `provision backup …`. */
export const backup = ({ operator }: Installed, ...args: readonly string[]): Promise<Outcome> =>
  command(operator, ['backup', ...args])

/** The archives that are there, the oldest first. */
export async function archives(on: Installed): Promise<readonly string[]> {
  const run = await backup(on, 'list')
  assert.equal(run.code, 0, told(run))
  return [...run.stdout.matchAll(/^(\d{4}-\S+) /gm)].map(([, one]) => one!)
}

/** A backup that has to fail: what it said. */
export async function fails(on: Installed, ...args: readonly string[]): Promise<string> {
  const run = await backup(on, ...args)
  assert.equal(run.code, 1, told(run))
  return run.stderr
}
