import { createHash } from 'node:crypto'
import { request } from 'node:https'
import { text as readAll } from 'node:stream/consumers'
import { rootCertificates } from 'node:tls'

/** What one calls OVH’s API with. */
export interface OvhKeys {
  readonly applicationKey: string
  readonly applicationSecret: string
  readonly consumerKey: string
}

/** Calls the API: the path below its root, and what it answers. Throws OvhError. */
export type OvhCall = <T>(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: object) => Promise<T>

/** The API said no, or nothing. */
export class OvhError extends Error {
  /** The HTTP status; undefined when there was no answer. */
  readonly status: number | undefined

  constructor(message: string, status?: number) {
    super(message)
    this.status = status
  }
}

/** Where the APIs are: OVH’s own names for them. */
export const ovhEndpoints = {
  'ovh-eu': 'https://eu.api.ovh.com/1.0',
  'ovh-ca': 'https://ca.api.ovh.com/1.0',
  'ovh-us': 'https://api.us.ovhcloud.com/1.0',
} as const

/** `$1$` and the SHA-1 of what makes up a request: as OVH's first steps with the API document it. */
export const ovhSignature = (
  { applicationSecret, consumerKey }: Pick<OvhKeys, 'applicationSecret' | 'consumerKey'>,
  { method, url, body, time }: { readonly method: string; readonly url: string; readonly body: string; readonly time: number },
): string => `$1$${createHash('sha1').update([applicationSecret, consumerKey, method, url, body, time].join('+')).digest('hex')}`

/** A client of the API. It goes by the API’s clock. `ca`: trusted besides the usual ones, for an endpoint of one's own. */
export function ovhClient(
  endpoint: string,
  keys: OvhKeys,
  { ca, limit = 20_000 }: { readonly ca?: string | undefined; readonly limit?: number } = {},
): OvhCall {
  const trusted = ca === undefined ? {} : { ca: [...rootCertificates, ca] }
  const send = (method: string, url: string, body: string, headers: Readonly<Record<string, string>>) =>
    new Promise<{ readonly status: number; readonly text: string }>((resolve, reject) => {
      const fail = (error: Error) => reject(new OvhError(error.message))
      const asked = request(url, { method, headers, ...trusted, timeout: limit }, (response) => {
        readAll(response).then((text) => resolve({ status: response.statusCode ?? 0, text }), fail)
      })
      asked.on('timeout', () => asked.destroy(new Error(`no answer within ${limit / 1000} s`)))
      asked.on('error', fail)
      asked.end(body)
    })
  let ahead: Promise<number> | undefined
  const clock = async (): Promise<number> => {
    const { status, text } = await send('GET', `${endpoint}/auth/time`, '', {})
    if (status !== 200 || !/^\d+$/.test(text.trim()))
      throw new OvhError(`its clock cannot be read: ${status} ${text.slice(0, 200)}`, status)
    return Number(text) - Math.round(Date.now() / 1000)
  }
  return async <T>(method: string, path: string, body?: object): Promise<T> => {
    ahead ??= clock()
    const time = Math.round(Date.now() / 1000) + (await ahead)
    const [url, sent] = [`${endpoint}${path}`, body === undefined ? '' : JSON.stringify(body)]
    const { status, text } = await send(method, url, sent, {
      'Content-Type': 'application/json;charset=utf-8',
      'X-Ovh-Application': keys.applicationKey,
      'X-Ovh-Consumer': keys.consumerKey,
      'X-Ovh-Timestamp': String(time),
      'X-Ovh-Signature': ovhSignature(keys, { method, url, body: sent, time }),
    })
    const answer = parsed(text)
    if (status >= 200 && status < 300) return answer as T
    const { message = text.slice(0, 200) } = (answer ?? {}) as { readonly message?: string }
    throw new OvhError(`${method} ${path}: ${status} ${message}`, status)
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
