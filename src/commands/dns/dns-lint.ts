import { readFile } from 'node:fs/promises'
import { text as readAll } from 'node:stream/consumers'
import { lintOutside } from '../../dns/lint/outside.ts'
import type { LintRemark } from '../../dns/lint/zone.ts'
import { lintZone } from '../../dns/lint.ts'
import { policyId } from '../../dns/records.ts'
import { resolvers } from '../../dns/servers.ts'
import { ProvisionError } from '../../errors.ts'
import { loadInventory } from '../../inventory/inventory.ts'
import type { Io } from '../../session/io.ts'

/** What `dns lint` may be told. */
export interface LintOptions {
  /** The inventory that the zone belongs to: its CA and its policies are known then. */
  readonly host?: string | undefined
  readonly inventory?: string | undefined
  /** The zone’s name, where the file does not say it. */
  readonly domain?: string | undefined
  /** Only what the text says by itself. */
  readonly offline?: boolean | undefined
}

/** Says what is wrong with a zone file; `-` is stdin. Returns 0, 2 with findings, or 1 when something could not be looked up. */
export async function dnsLint(options: LintOptions, io: Io, out: (line: string) => void, file: string): Promise<number> {
  const text = await readZone(file)
  const server = options.host === undefined ? undefined : (await loadInventory(options.inventory, options.host)).server
  const zone = options.domain ?? /^\$ORIGIN\s+(\S+?)\.?\s*$/im.exec(text)?.[1]?.toLowerCase()
  const domain = server?.domains.find(({ name }) => name === zone)
  const facts = {
    ca: server?.acme.caa ?? 'letsencrypt.org',
    policyId: server === undefined || domain === undefined ? undefined : policyId(domain, server.mail.hostname),
  }
  const inside = lintZone(text, facts, options.domain)
  const { remarks, unknown } = options.offline
    ? { remarks: [], unknown: [] }
    : await lintOutside(text, resolvers(server?.dns.lookup), options.domain)
  const all = [...inside, ...remarks].toSorted((a, b) => a.line - b.line)
  for (const one of all) {
    io.report.event({ event: 'finding', file, ...one })
    if (!io.json) remarkLines(file, one).forEach(out)
  }
  for (const why of unknown) {
    io.report.event({ event: 'unknown', id: file, why })
    if (!io.json) out(`? ${why}`)
  }
  if (!io.json && all.length + unknown.length === 0) out(`${file}: nothing to say`)
  if (unknown.length > 0) return 1
  return all.length > 0 ? 2 : 0
}

const remarkLines = (file: string, { line, name, level, message, fix }: LintRemark): readonly string[] => [
  `${file}:${line}: ${level}: ${name}: ${message}`,
  ...(fix === undefined ? [] : [`    write: ${fix}`]),
]

async function readZone(file: string): Promise<string> {
  if (file === '-') return readAll(process.stdin)
  return readFile(file, 'utf8').catch((error: Error) => {
    throw new ProvisionError(file, `cannot be read: ${error.message}`)
  })
}
