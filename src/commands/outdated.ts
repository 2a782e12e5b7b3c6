import { type ArtifactName, artifactCache } from '../artifacts/artifacts.ts'
import { latest, older } from '../artifacts/latest.ts'
import { recheck, recheckedWords } from '../artifacts/recheck.ts'
import { ProvisionError } from '../errors.ts'
import { loadInventory } from '../inventory/inventory.ts'
import type { Io } from '../session/io.ts'
import { recipes } from '../upgrade/recipes.ts'

/** What `provision outdated` may be told. */
export interface OutdatedOptions {
  readonly host: string
  readonly inventory?: string | undefined
}

/**
 * Which pinned programs have a newer release. Nothing is changed, and no host is asked. Returns the exit code: 2 when one is
 * behind, 1 when one could not be looked up, which is never taken for up to date.
 */
export async function outdated(options: OutdatedOptions, io: Io, print: (line: string) => void, base?: string): Promise<number> {
  const { server, name: host } = await loadInventory(options.inventory, options.host)
  const pins = Object.entries(server.artifacts).map(([name, { version }]) => ({ name: name as ArtifactName, version }))
  const answers = await Promise.allSettled(pins.map(({ name }) => latest(name, base)))
  for (const [i, { name, version }] of pins.entries()) {
    const answer = answers[i]!
    const newest = answer.status === 'fulfilled' ? answer.value : undefined
    const behind = newest !== undefined && older(version, newest)
    io.report.event({ event: 'pin', id: name, version, ...(newest === undefined ? {} : { newest, behind }) })
    if (newest !== undefined)
      print(`${name} ${version}${behind ? ` → ${newest}: ${nextMove(name, newest, host)}` : ' is the latest'}`)
    if (answer.status === 'rejected') tell(answer.reason, io)
    if (behind && server.artifacts[name].source === 'build')
      for (const { patch, state } of await recheck(name, newest, artifactCache())) {
        io.report.event({ event: 'patch', id: patch.name, name, newest, state, upstream: patch.upstream })
        print(`  patch ${patch.name} ${recheckedWords[state]} (${patch.subject}; ${patch.upstream})`)
      }
  }
  if (answers.some(({ status }) => status === 'rejected')) return 1
  return pins.some(({ version }, i) => older(version, (answers[i] as PromiseFulfilledResult<string>).value)) ? 2 : 0
}

const nextMove = (name: string, version: string, host: string): string =>
  Object.hasOwn(recipes, name)
    ? `provision upgrade ${name} --to ${version} --host ${host}`
    : `set artifacts.${name}.version in the inventory, and run provision --host ${host} --check`

function tell(error: unknown, io: Io): void {
  if (!(error instanceof ProvisionError)) throw error
  io.report.error(error)
}
