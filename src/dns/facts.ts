import { createHash, createPublicKey, X509Certificate } from 'node:crypto'
import { certificateKey, dkimFiles, liveKeys, type Server } from '../inventory.ts'
import { type Sh, sh } from '../sh.ts'
import type { Shell } from '../shell.ts'
import { dkimValue } from './dkim.ts'
import type { HostFacts } from './records.ts'

type Asked = Pick<Server, 'domains' | 'mail'>

/** What only the host knows of its zones, in one exec: its DKIM keys, the key of its mail certificate, and those that come and go. */
export const readFacts = async (shell: Pick<Shell, 'run'>, server: Asked): Promise<HostFacts> =>
  parseFacts(server, (await shell.run(factsProbe(server))).stdout)

/** Reads what `parseFacts` understands. */
export const factsProbe = (server: Asked): Sh => sh`
${selectorsOf(server).map(({ name, selector }) => printed(`dkim ${name} ${selector}`, dkimFiles(name, selector).record, sh`cat --`))}
${liveKeys(server.mail.tlsa).map((key) => printed(`key ${key}`, certificateKey(server.mail.hostname, key), sh`openssl pkey -pubout -in`))}
${printed('certificate', certificate(server.mail.hostname), sh`cat --`)}`

/** Its keys, out of what that printed. A key that is not there yet is left out. */
export function parseFacts(server: Asked, stdout: string): HostFacts {
  const parts = new Map(
    `\n${stdout}`
      .split('\n==')
      .slice(1)
      .map((part) => [part.slice(0, part.indexOf('\n')), part.slice(part.indexOf('\n') + 1).trim()] as const),
  )
  const dkim = new Map<string, { readonly selector: string; readonly value: string }[]>()
  for (const { name, selector } of selectorsOf(server)) {
    const value = dkimValue(parts.get(`dkim ${name} ${selector}`) ?? '')
    if (value !== undefined) dkim.set(name, [...(dkim.get(name) ?? []), { selector, value }])
  }
  const pem = parts.get('certificate') ?? ''
  const named = liveKeys(server.mail.tlsa).flatMap((key) => {
    const spki = parts.get(`key ${key}`) ?? ''
    return spki === '' ? [] : [[key, digestOf(createPublicKey(spki))] as const]
  })
  return { dkim, tlsa: pem === '' ? [] : [keyDigest(pem)], keys: new Map(named) }
}

/** What TLSA 3 1 1 says of a certificate: the digest of its public key. */
export const keyDigest = (pem: string): string => digestOf(new X509Certificate(pem).publicKey)

const digestOf = (key: X509Certificate['publicKey']): string =>
  createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex')

const selectorsOf = ({ domains }: Asked) =>
  domains.flatMap(({ name, dkim }) => liveKeys(dkim).map((selector) => ({ name, selector })))

/** A file under a heading, as this command prints it; nothing when it is not there. */
const printed = (heading: string, file: string, by: Sh): Sh => sh`
printf '\n==%s\n' ${heading}
if [ -r ${file} ]; then ${by} ${file}; fi`

/** Where the daemon reads its certificate. */
const certificate = (name: string): string => `/var/lib/certificates/${name}/live/fullchain.pem`
