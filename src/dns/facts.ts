import { createHash, X509Certificate } from 'node:crypto'
import type { Server } from '../inventory.ts'
import { sh } from '../sh.ts'
import type { Shell } from '../shell.ts'
import { dkimFile, dkimValue, selector } from './dkim.ts'
import type { HostFacts } from './records.ts'

/** What only the host knows of its zones, in one exec: its DKIM keys, and the key of its mail certificate. */
export async function readFacts(
  shell: Pick<Shell, 'run'>,
  { domains, mail }: Pick<Server, 'domains' | 'mail'>,
): Promise<HostFacts> {
  const names = domains.map(({ name }) => name)
  const { stdout } = await shell.run(sh`
for file in ${names.map((name) => dkimFile(name))}; do
  printf '\n%s\n' "==$file"
  if [ -r "$file" ]; then cat -- "$file"; fi
done
printf '\n==certificate\n'
if [ -r ${certificate(mail.hostname)} ]; then cat -- ${certificate(mail.hostname)}; fi`)
  const parts = new Map(
    `\n${stdout}`
      .split('\n==')
      .slice(1)
      .map((part) => [part.slice(0, part.indexOf('\n')), part.slice(part.indexOf('\n') + 1).trim()] as const),
  )
  const dkim = names.flatMap((name) => {
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
