import { setTimeout as sleep } from 'node:timers/promises'
import type { ClientChannel } from 'ssh2'
import { ConnectionError } from '../../errors.ts'
import { type Sh, sh } from '../../sh.ts'
import { type Link, openLink } from '../link/link.ts'
import { mustChange } from '../login/expired.ts'
import type { Climbed } from '../login/ladder.ts'
import { sentTo, turnedAway } from '../login/turned-away.ts'
import type { LoginOptions } from '../options.ts'
import { type Ended, openChannel } from './exec.ts'
import { answer, asking } from './sudo.ts'

/** What came of talking to a command: nothing, with how it ended, when our script never began. */
export type Talk<T> = { readonly began: T } | { readonly ended: Ended }

/** Runs commands as root over a login, through sudo where the user is somebody else. */
export interface Root {
  /** The login in use. It changes when the host allows one session a connection, or when sudo lets nobody through and root may log in. */
  link(): Link
  readonly links: Link[]
  execs(): number
  /** Starts the command and talks to it. Throws ConnectionError when the connection is lost or no command runs as root. */
  exec<T>(command: Sh, nonce: string, talk: (channel: ClientChannel) => Promise<Talk<T>>): Promise<T>
}

/** Counts and secrets that the logins of one run share. */
export interface Shared {
  execs: number
  /** What is open. */
  readonly links: Set<Link>
  sudoPassword: string | undefined
}

/** Whatever runs as root over this login. `busy` says that a link already carries a session which stays. */
export function rootOver(
  options: LoginOptions,
  { reach, link: first, instead, renewed }: Climbed,
  shared: Shared,
  busy: (link: Link) => boolean,
): Root {
  const { address, ask, log } = options
  const links: Link[] = []
  const use = (next: Link): Link => {
    links.push(next)
    shared.links.add(next)
    return next
  }
  let link = use(first)
  let sudo: 'silent' | 'asks' = 'silent'
  let asked = 0
  /** A script of ours has run over this login. */
  let proved = false
  let changed = false

  const open = async (command: Sh): Promise<ClientChannel> => {
    shared.execs++
    for (let n = 0; n < 40; n++) {
      const channel = await openChannel(link, address, command.text)
      if (channel !== undefined) return channel
      // Where one session is all, the lock has it, or the one before has not quite gone there.
      if (busy(link)) link = use(await openLink(reach, link.way, new AbortController().signal))
      else await sleep(50)
    }
    throw new ConnectionError(address, 'the host allows no session on this connection', 'look at MaxSessions in its sshd_config')
  }

  /** After a script did not begin: makes another try worth it, or throws. */
  const refused = async ({ code, stderr, stdout }: Ended): Promise<void> => {
    const said =
      (stderr.toString().trim() || stdout.toString().trim()).split('\n').slice(-4).join('\n') || 'the host said nothing'
    if (mustChange(said)) {
      if (changed) throw new ConnectionError(address, `the password of ${link.user} was changed, and still: ${said}`)
      changed = true
      link = use(await renewed(link))
      return
    }
    if (link.user === 'root' || !/sudo/.test(said)) {
      const before = link
      const why = `no script runs for ${before.user} there: exit code ${code}: ${said}`
      link = use(await otherUser(before, sentTo(said), why))
      before.end()
      log(`${address} lets ${before.user} run nothing: logged in as ${link.user} with ${link.by} instead`)
      return
    }
    const wants = /password is required|terminal is required/.test(said) || sudo === 'asks'
    if (wants && (sudo === 'silent' ? shared.sudoPassword !== undefined || ask !== undefined : ask !== undefined && asked < 3)) {
      if (sudo === 'asks') shared.sudoPassword = undefined
      sudo = 'asks'
      return
    }
    try {
      link = use(await instead(link, 'root'))
    } catch {
      const hint = wants ? 'give its password in PROVISION_SUDO_PASSWORD' : `log in as root, or let ${link.user} use sudo`
      throw new ConnectionError(address, `sudo lets ${link.user} run nothing: ${said}`, hint)
    }
  }

  /** The next rung, when a login works and runs nothing: the user that the host names first, else the rest of the ladder. */
  const otherUser = (from: Link, named: string | undefined, why: string): Promise<Link> =>
    instead(from, named).catch((error: Error) => {
      const hint =
        named === undefined
          ? 'its login shell must run `sh -s`; or name another user, who may use sudo, as User in ~/.ssh/config'
          : `let a key that is declared in admin.keys open ${named} there, who must be allowed sudo`
      throw new ConnectionError(address, `${why}\n${error.message}`, hint)
    })

  const exec = async <T>(command: Sh, nonce: string, talk: (channel: ClientChannel) => Promise<Talk<T>>): Promise<T> => {
    for (;;) {
      let result: Talk<T>
      if (link.user === 'root' || sudo === 'silent') {
        const channel = await open(link.user === 'root' ? command : sh`env LC_ALL=C sudo -n ${command}`)
        const talking = talk(channel)
        talking.catch(() => undefined)
        result = await (proved ? talking : Promise.race([talking, turnedAway(channel)]))
      } else {
        if (shared.sudoPassword === undefined) asked++
        shared.sudoPassword ??= await ask?.password(`password of ${link.user} at ${address}, for sudo`)
        const channel = await open(asking(command, nonce))
        const ended = await answer(channel, nonce, shared.sudoPassword ?? '')
        result = ended === undefined ? await talk(channel) : { ended }
      }
      if ('began' in result) {
        proved = true
        return result.began
      }
      await refused(result.ended)
    }
  }

  return { link: () => link, links, execs: () => shared.execs, exec }
}
