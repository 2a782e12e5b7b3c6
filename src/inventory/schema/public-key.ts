import * as z from 'zod'

/** A public SSH key as in authorized_keys(5), without options. */
export const PublicKeyField = z
  .string()
  .regex(/^[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,2}(?: [^\p{Cc}]*)?$/u, 'is not a valid public SSH key: one line, as in id_ed25519.pub')
  .superRefine((line, context) => {
    const fault = faultOfKey(line)
    if (fault !== undefined) context.addIssue({ code: 'custom', message: fault })
  })

/** What is wrong with a public key, so that nobody is locked out by a typo; sshd takes no RSA below 3072 bits. */
function faultOfKey(line: string): string | undefined {
  const [type = '', body = ''] = line.split(' ')
  const blob = Buffer.from(body, 'base64')
  const fields: Buffer[] = []
  for (let at = 0; at + 4 <= blob.length; ) {
    const end = at + 4 + blob.readUInt32BE(at)
    if (end > blob.length) return 'is not a valid public SSH key: it is cut off'
    fields.push(blob.subarray(at + 4, end))
    at = end
  }
  if (!keyTypes.has(type)) return `is a key of a type that our sshd does not take: ${[...keyTypes].join(', ')}`
  if (fields[0]?.toString() !== type || fields.length < 2)
    return 'is not a valid public SSH key: its type is not the one inside it'
  if (type === 'ssh-ed25519' && fields[1]?.length !== 32) return 'is not a valid public SSH key: it is cut off'
  if (type === 'ssh-rsa' && (fields[2]?.length ?? 0) < 3072 / 8)
    return 'is an RSA key of less than 3072 bits, which our sshd refuses'
  return undefined
}

const keyTypes = new Set([
  'ssh-ed25519',
  'ssh-rsa',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'sk-ssh-ed25519@openssh.com',
  'sk-ecdsa-sha2-nistp256@openssh.com',
])
