import { type Document, isNode, LineCounter, parseDocument, type Scalar, type ScalarTag } from 'yaml'
import * as z from 'zod'
import { ProvisionError } from '../errors.ts'
import { Secret } from '../secret.ts'
import { secretName, unbound } from './secret-field.ts'
import { Server } from './server.ts'

// An inventory is read once in a process: compiling the schema would cost more than it saves.
z.config({ jitless: true })

/** An inventory file as it was read: the document keeps comments and places. */
export interface InventoryText {
  readonly document: Document
  readonly line: (path: readonly PropertyKey[]) => number | undefined
}

/** `!secret NAME`, as a Secret that is not tied to a store yet. */
export const secretTag: ScalarTag = {
  tag: '!secret',
  identify: (value) => value instanceof Secret,
  resolve: (name, fault) => {
    if (!secretName.test(name)) fault(`“${name}” is no name of a secret: write !secret mail/someone@example.org`)
    return unbound(name)
  },
  stringify: ({ value }: Scalar) => (value as Secret).name,
}

/** Reads the YAML of an inventory. Throws ProvisionError, with the line, for what is no YAML, a key that is there twice or an unknown tag. */
export function readYaml(file: string, text: string): InventoryText {
  const lineCounter = new LineCounter()
  const document = parseDocument(text, { customTags: [secretTag], lineCounter })
  const fault = document.errors[0] ?? document.warnings[0]
  if (fault !== undefined) throw new ProvisionError(file, fault.message.trim())
  const line = (path: readonly PropertyKey[]): number | undefined => {
    const node = path.length === 0 ? undefined : document.getIn(path, true)
    if (isNode(node) && node.range) return lineCounter.linePos(node.range[0]).line
    return path.length === 0 ? undefined : line(path.slice(0, -1))
  }
  return { document, line }
}

/** Checks an inventory against the schema. Throws ProvisionError that names every fault, with its key and its line. */
export function validate(file: string, { document, line }: InventoryText): Server {
  const raw: unknown = document.toJS()
  refuseOtherVersions(file, raw)
  const result = Server.safeParse(raw)
  if (result.success) return result.data
  const faults = result.error.issues.map((issue) => {
    const [key] = issue.code === 'unrecognized_keys' ? issue.keys : []
    const at = line(key === undefined ? issue.path : [...issue.path, key])
    return `${z.prettifyError(new z.ZodError([issue]))}${at === undefined ? '' : `${issue.path.length > 0 ? ', ' : '\n  → '}line ${at}`}`
  })
  throw new ProvisionError(file, `\n${faults.join('\n')}`, 'every key is explained in inventory/example.yml')
}

function refuseOtherVersions(file: string, raw: unknown): void {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw))
    throw new ProvisionError(file, 'is no inventory: a list of keys is expected')
  const version: unknown = Reflect.get(raw, 'version')
  if (version === 1) return
  if (version === undefined) throw new ProvisionError(file, 'has no version', 'begin it with “version: 1”')
  throw new ProvisionError(
    file,
    `is in version ${JSON.stringify(version)} of the inventory’s format, and version 1 is all that this provision reads`,
    typeof version === 'number' && version > 1 ? 'a later provision reads it: update this one' : 'begin it with “version: 1”',
  )
}
