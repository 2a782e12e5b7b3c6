import { realpathSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { type Context, isReference } from '../../playbooks/index.ts'
import { placeOf } from '../engine/kind.ts'
import type { Playbook } from '../engine/step.ts'
import { ProvisionError } from '../errors.ts'
import type { Server } from '../inventory/inventory.ts'
import type { File } from '../kinds/files/file.ts'
import type { Service } from '../kinds/system/service.ts'
import { checkedPlaybooks } from './check.ts'
import { mistake } from './mistake.ts'
import { refuseOtherCopy, servePlaybooks } from './modules.ts'

/**
 * The playbooks of an operator's own, from their `playbooks/index.ts`. Throws ProvisionError, with their line, for what is wrong in it;
 * `say` hears what is likely not meant.
 */
export async function ownPlaybooks(
  file: string,
  server: Server,
  context: Context,
  say: (line: string) => void,
): Promise<readonly Playbook[]> {
  refuseOtherCopy(file)
  servePlaybooks(new URL('../', pathToFileURL(realpathSync(file))))
  const loaded = (await import(pathToFileURL(file).href).catch((error: unknown) => {
    throw mistake(error, file)
  })) as { readonly server?: unknown; readonly default?: unknown }
  if (typeof loaded.server !== 'function') throw noServer(file, loaded.default !== undefined)
  const make = loaded.server as (server: Server, context: Context) => unknown
  const playbooks = await checkedPlaybooks(
    file,
    made(file, () => make(server, context)),
  )
  for (const line of playbooks.filter(({ id }) => !isReference(id)).flatMap(unread)) say(line)
  return playbooks
}

function made(file: string, make: () => unknown): unknown {
  try {
    return make()
  } catch (error) {
    throw mistake(error, file)
  }
}

/** Services that read nothing, beside files that they may read: they would run on with the old ones. */
function unread({ steps }: Playbook): readonly string[] {
  const all = steps.flatMap(({ resources }) => resources)
  const [first] = all.filter(({ kind }) => kind.name === 'file').map(({ desired }) => (desired as File).path)
  if (first === undefined) return []
  return all
    .filter(({ kind }) => kind.name === 'service')
    .filter(({ desired }) => {
      const { unit, state = 'on', reads, rereads } = desired as Service
      return unit.endsWith('.service') && state === 'on' && reads === undefined && rereads === undefined
    })
    .map(
      (one) =>
        `${placeOf(one)}: is not restarted when ${first} changes: “reads” lists what it reads, and is [] when it reads nothing`,
    )
}

const noServer = (file: string, hasDefault: boolean): ProvisionError =>
  new ProvisionError(
    file,
    hasDefault ? 'has a default export, and exports no function “server”' : 'exports no function “server”',
    'write: export const server = (s: Server, context: Context) => [ … ]',
  )
