import * as z from 'zod'
import { ProvisionError } from '../errors.ts'
import type { InventoryText } from './read.ts'
import { Server } from './schema/server.ts'

export { type InventoryText, readYaml, secretTag } from './read.ts'

// An inventory is read once in a process: compiling the schema would cost more than it saves.
z.config({ jitless: true })

/** Checks an inventory against the schema. Throws ProvisionError that names every fault, with its key and its line. */
export function validate(file: string, { document, line }: InventoryText): Server {
  const raw: unknown = document.toJS()
  refuseOtherVersions(file, raw)
  const result = Server.safeParse(raw)
  if (result.success) return result.data
  const faults = result.error.issues.map((issue) => {
    const [key] = issue.code === 'unrecognized_keys' ? issue.keys : []
    const why = retired.get([...issue.path, key].join('.'))
    const at = line(key === undefined ? issue.path : [...issue.path, key])
    return `${z.prettifyError(new z.ZodError([why === undefined ? issue : { ...issue, code: 'custom', message: why }]))}${at === undefined ? '' : `${issue.path.length > 0 ? ', ' : '\n  → '}line ${at}`}`
  })
  throw new ProvisionError(file, `\n${faults.join('\n')}`, 'every key is explained in inventory/example.yml')
}

/** Keys of earlier versions, and what to do with them. */
const retired: ReadonlyMap<string, string> = new Map([
  [
    'php.user',
    'the pages of each site run as a user of that site alone: remove “php.user”, and the next run hands over what the former user owns',
  ],
])

function refuseOtherVersions(file: string, raw: unknown): void {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw))
    throw new ProvisionError(file, 'is not a valid inventory: a list of keys is expected')
  const version: unknown = Reflect.get(raw, 'version')
  if (version === 1) return
  if (version === undefined) throw new ProvisionError(file, 'has no version', 'begin it with “version: 1”')
  throw new ProvisionError(
    file,
    `is in version ${JSON.stringify(version)} of the inventory’s format, and version 1 is all that this provision reads`,
    typeof version === 'number' && version > 1 ? 'a later provision reads it: update this one' : 'begin it with “version: 1”',
  )
}
