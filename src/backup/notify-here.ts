import { request as plain } from 'node:http'
import { request } from 'node:https'
import { ProvisionError } from '../errors.ts'
import type { Server } from '../inventory/inventory.ts'

/** Says something to the operator from this machine, as the host does it from there. Throws ProvisionError when nobody hears it. */
export async function notifyHere(
  { ntfy, acme, hostname }: Pick<Server, 'ntfy' | 'acme' | 'hostname'>,
  { title, text, priority }: { readonly title: string; readonly text: string; readonly priority: 'low' | 'default' | 'high' },
): Promise<void> {
  if (ntfy === undefined) throw new ProvisionError('ntfy', 'the inventory names no ntfy server', 'see “ntfy:” in example.yml')
  const url = `${ntfy.url.replace(/\/$/, '')}/${ntfy.topic}`
  const headers = {
    Title: `${hostname}: ${title}`,
    Priority: priority,
    ...(ntfy.token === undefined ? {} : { Authorization: `Bearer ${ntfy.token.reveal()}` }),
  }
  await new Promise<void>((resolve, reject) => {
    const failed = (why: string) => reject(new ProvisionError(url, `does not take the message: ${why}`))
    const asked = (url.startsWith('http:') ? plain : request)(url, {
      method: 'POST',
      headers,
      timeout: 30_000,
      ...(acme.ca === undefined ? {} : { ca: acme.ca }),
    })
    asked.on('response', (answer) => {
      answer.resume()
      answer.on('end', () => (answer.statusCode === 200 ? resolve() : failed(`status ${answer.statusCode}`)))
    })
    asked.on('timeout', () => asked.destroy(new Error('no answer within 30 s')))
    asked.on('error', (error) => failed(error.message))
    asked.end(text)
  })
}
