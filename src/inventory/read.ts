import { type Document, isNode, LineCounter, parseDocument, type Scalar, type ScalarTag } from 'yaml'
import { ProvisionError } from '../errors.ts'
import { Secret } from '../secret.ts'
import { secretName, secretPlaceholder } from '../secrets/secret-name.ts'

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
    if (!secretName.test(name)) fault(`“${name}” is not a valid secret name: write !secret mail/someone@example.org`)
    return secretPlaceholder(name)
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
