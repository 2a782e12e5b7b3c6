import type { ClientChannel } from 'ssh2'
import { ConnectionError } from '../../errors.ts'
import { type Link, type LoginSettings, openLink } from '../link/link.ts'
import type { LoginOptions } from '../options.ts'
import { endpointName } from '../trust/known-hosts.ts'

/** Whether what a host says, in place of running a script, is that a password must be changed first: do_pwchange() of sshd 9.2, pam_unix. */
export const mustChange = (said: string): boolean =>
  /password change required|password has expired|required to change your password/i.test(said)

/**
 * Changes root's mailed password, which has expired, to the one of the secrets, and logs in anew. The new one is stored before the host
 * hears of it. `given` is the mailed one, for a login that took a key. Throws ConnectionError with the next move when that is not to be done, or fails.
 */
export async function renewed(reach: LoginSettings, link: Link, options: LoginOptions, given: string | undefined): Promise<Link> {
  const { address, ask, log, rootSecret } = options
  const who = `${link.user}@${endpointName(address, link.port)}`
  const byHand = `ssh -p ${link.port} ${link.user}@${address} asks for a new one; give that in PROVISION_ROOT_PASSWORD`
  const problem = `the password of ${who} must be changed before anything runs there`
  if (link.user !== 'root') throw new ConnectionError(address, problem, `ssh -p ${link.port} ${who} asks for a new one`)
  if (rootSecret?.make === undefined)
    throw new ConnectionError(address, problem, `a run that corrects sets the one of the secrets; or ${byHand}`)
  const [used] = link.way.credentials
  const old =
    used?.type === 'password' ? used.password : (given ?? (await ask?.password(`password of ${who}, which has expired`)))
  const { name, value: fresh } = await rootSecret.make()
  const { code, said } = await dialogue(link, address, old, fresh)
  link.end()
  const credentials = used?.type === 'password' ? [{ type: 'password' as const, password: fresh }] : link.way.credentials
  const next = await openLink(reach, { ...link.way, credentials }, new AbortController().signal).catch((error: Error) => {
    throw new ConnectionError(
      address,
      `${problem}, and that failed: ${said || `exit code ${code}`}; then ${error.message}`,
      byHand,
    )
  })
  log(`changed the password of ${who}, which had expired: it is now ${name} of the secrets`)
  return next
}

/** How long the host may be silent, in milliseconds. */
const silenceMs = 20_000
/** The current password, the new one twice, and that again when it is refused once. */
const answers = 5

/** passwd(1) on a terminal, which sshd starts whatever is asked for. What it says has no password in it: it echoes none. */
function dialogue(link: Link, address: string, old: string | undefined, fresh: string): Promise<{ code: number; said: string }> {
  return new Promise((resolve, reject) => {
    link.client.exec('true', { pty: { term: 'dumb', cols: 200 } }, (error, channel: ClientChannel) => {
      if (error) return reject(new ConnectionError(address, `no terminal to change a password on: ${error.message}`))
      let [said, line, given] = ['', '', 0]
      const limit = setTimeout(() => channel.close(), silenceMs)
      channel.on('data', (chunk: Buffer) => {
        limit.refresh()
        said += chunk.toString()
        line = (line + chunk.toString()).replace(/^.*[\r\n]/s, '')
        if (!/:\s*$/.test(line)) return
        const answer = asksForNew(line, given) ? fresh : old
        line = ''
        given++
        if (answer === undefined || given > answers) channel.close()
        else channel.write(`${answer}\n`)
      })
      const code = new Promise<number>((ended) => channel.on('exit', (one: number | null) => ended(one ?? 1)))
      channel.on('close', () => {
        clearTimeout(limit)
        void Promise.race([code, Promise.resolve(1)]).then((one) => resolve({ code: one, said: lastLines(said) }))
      })
    })
  })
}

/** The first question is for the current password unless it says otherwise: root's passwd(1) does not ask for that. */
export const asksForNew = (question: string, before: number): boolean =>
  /\bnew\b|retype/i.test(question) || (before > 0 && !/current|\bold\b/i.test(question))

const lastLines = (said: string): string =>
  said
    .split(/[\r\n]+/)
    .filter((line) => line.trim() !== '' && !/:\s*$/.test(line))
    .slice(-3)
    .join('; ')
