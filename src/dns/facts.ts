import { createHash, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto'
import type { Shell } from '../engine/shell.ts'
import { ProvisionError } from '../errors.ts'
import { certificateKeyPath, dkimFiles, liveKeys, type Server } from '../inventory/inventory.ts'
import { type Sh, sh } from '../sh.ts'
import { dkimValue } from './dkim.ts'
import type { HostFacts } from './record.ts'

type Asked = Pick<Server, 'domains' | 'mail'>

/**
 * What only the host knows of its zones, in one exec: its DKIM keys, the key of its mail certificate, and those that come and go.
 * Throws ProvisionError when the host did not read them to the end.
 */
export async function readFacts(shell: Pick<Shell, 'run'>, server: Asked): Promise<HostFacts> {
  const { code, stdout, stderr } = await shell.run(factsProbe(server))
  if (code !== 0)
    throw new ProvisionError('its keys', `cannot be read on the host: ${stderr.trim().split('\n').at(-1)}`, 'run it again')
  return parseFacts(server, stdout)
}

/** Reads what `parseFacts` understands. A file that is damaged is printed as far as it can be, and fails nothing. */
export const factsProbe = (server: Asked): Sh => sh`
${selectorsOf(server).map(({ name, selector }) => printed(`dkim ${name} ${selector}`, dkimFiles(name, selector).record, sh`cat --`))}
${liveKeys(server.mail.tlsa).map((key) => printed(`key ${key}`, certificateKeyPath(server.mail.hostname, key), sh`openssl pkey -pubout -in`))}
${printed('certificate', certificate(server.mail.hostname), sh`cat --`)}`

/** Its keys, out of what that printed. A key that does not exist yet is left out; so is a damaged one, which is reported in `damaged`. */
export function parseFacts(server: Asked, stdout: string): HostFacts {
  const parts = new Map(
    `\n${stdout}`
      .split('\n==')
      .slice(1)
      .map((part) => [part.slice(0, part.indexOf('\n')), part.slice(part.indexOf('\n') + 1).trim()] as const),
  )
  const damaged: string[] = []
  /** What a file says; undefined where it does not exist or says nothing that can be read. */
  const read = <T>(heading: string, file: string, mend: string, by: (text: string) => T | undefined): T | undefined => {
    const [, text] = /^there\b\s*(.*)$/s.exec(parts.get(heading) ?? '') ?? []
    if (text === undefined) return undefined
    const value = attempt(() => by(text))
    if (value === undefined) damaged.push(`${file} on the host is damaged, and counts as absent: ${mend}`)
    return value
  }
  const dkim = new Map<string, { readonly selector: string; readonly value: string }[]>()
  for (const { name, selector } of selectorsOf(server)) {
    const file = dkimFiles(name, selector).record
    const value = read(`dkim ${name} ${selector}`, file, 'provision --host X --only maddy writes it again', dkimValue)
    if (value !== undefined) dkim.set(name, [...(dkim.get(name) ?? []), { selector, value }])
  }
  const { hostname, tlsa } = server.mail
  const named = liveKeys(tlsa).flatMap((key) => {
    const mend = 'put it back from a backup, or change it: provision tlsa rotate --host X'
    const digest = read(`key ${key}`, certificateKeyPath(hostname, key), mend, (spki) => digestOf(createPublicKey(spki)))
    return digest === undefined ? [] : [[key, digest] as const]
  })
  const served = read('certificate', certificate(hostname), 'provision --host X --only certificates replaces it', keyDigest)
  return { dkim, tlsa: served === undefined ? [] : [served], keys: new Map(named), ...(damaged.length > 0 ? { damaged } : {}) }
}

/** What TLSA 3 1 1 says of a certificate: the digest of its public key. Throws a plain Error for a text that holds none. */
export const keyDigest = (pem: string): string => digestOf(new X509Certificate(pem).publicKey)

const digestOf = (key: KeyObject): string =>
  createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex')

function attempt<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}

const selectorsOf = ({ domains }: Asked) =>
  domains.flatMap(({ name, dkim }) => liveKeys(dkim).map((selector) => ({ name, selector })))

/** A file under a heading, as this command prints it, after the word `there`; nothing where it does not exist. */
const printed = (heading: string, file: string, by: Sh): Sh => sh`
printf '\n==%s\n' ${heading}
if [ -e ${file} ]; then printf 'there\n'; ${by} ${file} 2>/dev/null || :; fi`

/** Where the daemon reads its certificate. */
const certificate = (name: string): string => `/var/lib/certificates/${name}/live/fullchain.pem`
