import { request as plain } from 'node:http'
import { request } from 'node:https'

/** What a client asks for: GET over https unless it says otherwise. */
export interface HttpRequest {
  /** The address that is asked, whatever the DNS says. */
  readonly address: string
  /** The name, and the path after it: `example.org/index.html`. */
  readonly url: string
  readonly scheme?: 'http' | 'https'
  readonly method?: 'GET' | 'POST'
  readonly body?: string
  /** `user:password`. */
  readonly auth?: string | undefined
  /** PEM. */
  readonly trusted: readonly string[]
}

/** What came back. Status 0 is no answer, with the error as its body. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

/** Asks a host, by its address and under a name, as a client on the internet does. Redirects are not followed. */
export function requestHttp({
  address,
  url,
  scheme = 'https',
  method = 'GET',
  body,
  auth,
  trusted,
}: HttpRequest): Promise<Answer> {
  const slash = url.indexOf('/')
  const [name, path] = [url.slice(0, slash), url.slice(slash)]
  const options = { host: address, path, method, headers: { host: name }, timeout: 7000, ...(auth && { auth }) }
  return new Promise((resolve) => {
    const call = scheme === 'http' ? plain(options) : request({ ...options, servername: name, ca: [...trusted], agent: false })
    call.on('response', (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => {
        text += part
        if (text.length > 1_000_000) call.destroy()
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }))
    })
    call.on('timeout', () => call.destroy(new Error('no answer within 7 s')))
    call.on('error', (cause) => resolve({ status: 0, headers: {}, body: cause.message }))
    call.end(body)
  })
}
