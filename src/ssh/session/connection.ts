import { randomBytes } from 'node:crypto'
import { sh } from '../../sh.ts'
import { who } from '../../util/who.ts'
import { fingerprint } from '../keys/public-key.ts'
import { adminWay, newLogin } from '../login/again.ts'
import type { Climbed } from '../login/ladder.ts'
import type { Connection, LoginOptions } from '../options.ts'
import { endpointName } from '../trust/known-hosts.ts'
import { collect } from './exec.ts'
import { type Lease, lease } from './lease.ts'
import { upload } from './put.ts'
import { afterStart, endOf } from './records.ts'
import { rootOver, type Shared } from './root.ts'
import { readingScript } from './scripts.ts'
import { work } from './work.ts'

/** A Connection over a login. `shared` is what the logins of one run have in common; the first makes it. */
export function connectionOver(options: LoginOptions, climbed: Climbed, shared = sharedFrom(options)): TakingOver {
  const { address } = options
  let held: Lease | undefined
  let superseded = false
  const root = rootOver(options, climbed, shared, (link) => held?.held === true && held.link === link)

  const locked = async (who: string): Promise<void> => {
    if (held?.held === true) return
    held = await lease(root, address, who, held)
  }

  return {
    get as() {
      const { user, port, by } = root.link()
      return `${user}@${endpointName(address, port)} with ${by}`
    },
    get user() {
      return root.link().user
    },
    get port() {
      return root.link().port
    },
    get hostKey() {
      return fingerprint(root.link().hostKey)
    },
    get execs() {
      return shared.execs
    },

    async run(script, silenceMs) {
      const nonce = randomBytes(8).toString('hex')
      return root.exec(sh`sh -s`, nonce, async (channel) => {
        const over = Promise.all([endOf(channel, nonce), endOf(channel.stderr, nonce)]).then(([code]) => code)
        const collected = collect(channel, address, undefined, { silenceMs, over })
        channel.end(readingScript(script, nonce).text)
        const ended = await collected
        const stdout = afterStart(ended.stdout, nonce)
        if (stdout === undefined) return { ended }
        const stderr = afterStart(ended.stderr, nonce) ?? ended.stderr
        return { began: { code: ended.code, stdout: stdout.toString(), stderr: stderr.toString() } }
      })
    },

    async work(script, onLine) {
      // A lock that was lost with its link, or with a laptop that slept, is taken again before anything is changed.
      if (held !== undefined && !held.held) await locked(held.who)
      return work(root, address, script, held?.who ?? who(), onLine)
    },

    put: (path, sha256) => upload(root, address, path, sha256),
    lock: locked,

    needKey: async () => void (await adminWay(options, climbed)),

    async again(limitMs, at) {
      const link = await newLogin(options, { ...climbed, link: root.link() }, limitMs, at)
      shared.execs++
      const next = connectionOver(options, { ...climbed, link }, shared)
      if (held !== undefined) await next.takeOver(held)
      superseded = true
      held = undefined
      return next
    },

    takeOver: async (before) => {
      held = await lease(root, address, before.who, before)
    },

    async close() {
      const kept = held
      held = undefined
      await kept?.release()
      // The login that goes on ends those before it.
      const links = superseded ? root.links : [...shared.links]
      for (const link of links) {
        link.end()
        shared.links.delete(link)
      }
      await Promise.all(links.map(({ ended }) => ended))
      if (shared.links.size === 0) climbed.reach.end()
    },
  }
}

/** A login that can take the run lock from the one before it. */
type TakingOver = Connection & { takeOver(before: Lease): Promise<void> }

function sharedFrom({ env }: LoginOptions): Shared {
  const sudoPassword = env.PROVISION_SUDO_PASSWORD
  delete env.PROVISION_SUDO_PASSWORD
  return { execs: 0, links: new Set(), sudoPassword }
}
