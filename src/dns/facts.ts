import { createHash, X509Certificate } from 'node:crypto'
import type { Server } from '../inventory.ts'
import { type Sh, sh } from '../sh.ts'
import type { Shell } from '../shell.ts'
import { dkimFile, dkimValue, selector } from './dkim.ts'
import type { HostFacts } from './records.ts'

type Asked = Pick<Server, 'domains' | 'mail'>

/** What only the host knows of its zones, in one exec: its DKIM keys, and the key of its mail certificate. */
export const readFacts = async (shell: Pick<Shell, 'run'>, server: Asked): Promise<HostFacts> =>
  parseFacts(server, (await shell.run(factsProbe(server))).stdout)

/** Reads what `parseFacts` understands. */
export const factsProbe = ({ domains, mail }: Asked): Sh => sh`
for file in ${domains.map(({ name }) => dkimFile(name))}; do
  printf '\n%s\n' "==$file"
  if [ -r "$file" ]; then cat -- "$file"; fi
done
printf '\n==certificate\n'
if [ -r ${certificate(mail.hostname)} ]; then cat -- ${certificate(mail.hostname)}; fi`

/** Its keys, out of what that printed. A key that is not there yet is left out. */
export function parseFacts({ domains }: Asked, stdout: string): HostFacts {
  const parts = new Map(
    `\n${stdout}`
      .split('\n==')
      .slice(1)
      .map((part) => [part.slice(0, part.indexOf('\n')), part.slice(part.indexOf('\n') + 1).trim()] as const),
  )
  const dkim = domains.flatMap(({ name }) => {
    const value = dkimValue(parts.get(dkimFile(name)) ?? '')
    return value === undefined ? [] : [[name, [{ selector, value }]] as const]
  })
  const pem = parts.get('certificate') ?? ''
  return { dkim: new Map(dkim), tlsa: pem === '' ? [] : [keyDigest(pem)] }
}

/** What TLSA 3 1 1 says of a certificate: the digest of its public key. */
export const keyDigest = (pem: string): string =>
  createHash('sha256')
    .update(new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex')

/** Where the daemon reads its certificate. */
const certificate = (name: string): string => `/var/lib/certificates/${name}/live/fullchain.pem`
