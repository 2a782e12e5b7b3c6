import { realpathSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import type { Context } from '../../playbooks/index.ts'
import { ProvisionError } from '../errors.ts'
import type { Server } from '../inventory.ts'
import type { Playbook } from '../step.ts'
import { mistake } from './mistake.ts'
import { refuseOtherCopy, servePlaybooks } from './modules.ts'

/** The playbooks of an operator's own, from their `playbooks/index.ts`. Throws ProvisionError, with their line, for what is wrong in it. */
export async function ownPlaybooks(file: string, server: Server, context: Context): Promise<readonly Playbook[]> {
  refuseOtherCopy(file)
  servePlaybooks(new URL('../', pathToFileURL(realpathSync(file))))
  const loaded = (await import(pathToFileURL(file).href).catch((error: unknown) => {
    throw mistake(error, file)
  })) as { readonly server?: unknown; readonly default?: unknown }
  if (typeof loaded.server !== 'function') throw noServer(file, loaded.default !== undefined)
  try {
    return (loaded.server as (server: Server, context: Context) => readonly Playbook[])(server, context)
  } catch (error) {
    throw mistake(error, file)
  }
}

const noServer = (file: string, hasDefault: boolean): ProvisionError =>
  new ProvisionError(
    file,
    hasDefault ? 'has a default export, and exports no function “server”' : 'exports no function “server”',
    'write: export const server = (s: Server, context: Context) => [ … ]',
  )
