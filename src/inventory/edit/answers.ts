import * as z from 'zod'
import { ProvisionError } from '../../errors.ts'
import { DomainShape } from '../schema/mail.ts'
import { readYaml } from '../yaml.ts'

const Answers = DomainShape.extend({ site: z.boolean().optional() })

/** A domain as `domain add --answers FILE` takes it: as it stands in an inventory, and whether it gets a site. */
export interface DomainAnswers {
  readonly name: string
  readonly site?: boolean
  readonly [key: string]: unknown
}

/** Reads such a file. A name given besides is used when the file has none. Throws ProvisionError that names every fault in it. */
export function readAnswers(file: string, text: string, name?: string): DomainAnswers {
  const raw: unknown = readYaml(file, text).document.toJS()
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw))
    throw new ProvisionError(
      file,
      'has no answers in it: the keys of a domain are expected',
      'as under “domains” in inventory/example.yml',
    )
  const answers = { ...(name === undefined ? {} : { name }), ...raw }
  const result = Answers.safeParse(answers)
  if (!result.success)
    throw new ProvisionError(file, `\n${z.prettifyError(result.error)}`, 'as under “domains” in inventory/example.yml')
  if (name !== undefined && result.data.name !== name)
    throw new ProvisionError(file, `is about ${result.data.name}, not about ${name}`)
  // As it was written: what the schema makes of it has every default in it.
  return answers as DomainAnswers
}
