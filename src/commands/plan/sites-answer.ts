import { setTimeout as pause } from 'node:timers/promises'
import { rootCertificates } from 'node:tls'
import { leadsElsewhere } from '../../dns/leads.ts'
import { requestHttp } from '../../doctor/https.ts'
import type { Shell } from '../../engine/shell.ts'
import { type Server, webNames } from '../../inventory/inventory.ts'
import { reachedAt } from '../../inventory/reach.ts'
import type { Io } from '../../session/io.ts'
import { sh } from '../../sh.ts'

/** A name that does not answer over HTTPS, and why. */
export interface Silent {
  readonly name: string
  readonly why: string
  /** Its records do not lead to this server: no waiting brings its certificate. */
  readonly elsewhere: boolean
}

/** What the wait is told. */
export interface WaitForSites {
  /** One mail domain's names; all names of the server when left out. */
  readonly domain?: string | undefined
  /** A login to the host: Caddy's journal says why it got no certificate. */
  readonly shell?: Pick<Shell, 'run'> | undefined
  /** Milliseconds; three minutes when left out. */
  readonly limit?: number
}

/** Caddy gives up its first challenge after about a minute, and its second request comes another minute later. */
const patience = 180_000

/** When nothing at all answers on port 443, it is not a certificate that is missing. */
const shut = 20_000

/**
 * Waits until each name of the server answers over HTTPS with a certificate that is trusted, shows what it waits for, and reports at
 * its end which names do not answer and why. A name whose records do not lead here is not waited for. Never throws for the network.
 */
export async function sitesAnswer(server: Server, io: Io, wait: WaitForSites = {}): Promise<readonly Silent[]> {
  const names = webNames(server).filter(
    (name) => wait.domain === undefined || name.endsWith(`.${wait.domain}`) || name === wait.domain,
  )
  const began = performance.now()
  const gone = () => performance.now() - began
  let silent: readonly Silent[] = names.map((name) => ({ name, why: '', elsewhere: false }))
  for (let rest = 300, told = 0; ; rest = Math.min(rest * 1.5, 5000)) {
    silent = (await Promise.all(silent.map((one) => answered(server, one)))).filter((one) => one !== undefined)
    const waited = silent.filter(({ elsewhere }) => !elsewhere)
    const limit = waited.length === names.length && waited.every(({ why }) => unreachable.test(why)) ? shut : patience
    if (waited.length === 0 || gone() > Math.min(limit, wait.limit ?? patience)) break
    if (gone() >= told) {
      io.report.say(
        `waiting for ${waited.length} of ${names.length} sites to answer over HTTPS: ${some(waited.map(({ name }) => name))}`,
      )
      told = gone() + 15_000
    }
    await pause(rest)
  }
  const told = await explained(silent, wait.shell)
  for (const [why, all] of Map.groupBy(told, (one) => one.why))
    io.report.say(`no answer over HTTPS from ${all.map(({ name }) => name).join(' ')}: ${why}`)
  if (told.some(({ elsewhere }) => elsewhere))
    io.report.say(
      '“provision dns check” prints each record to publish; “systemctl restart caddy” on the host then asks the CA at once',
    )
  if (told.length < names.length) io.report.say(`${names.length - told.length} of ${names.length} sites answer over HTTPS`)
  return told
}

/** Undefined when it answers; else why not, and whether its records lead here. */
async function answered(server: Server, { name, elsewhere, why }: Silent): Promise<Silent | undefined> {
  if (elsewhere) return { name, why, elsewhere }
  const trusted = [...rootCertificates, ...(server.acme.ca === undefined ? [] : [server.acme.ca])]
  const { status, body } = await requestHttp({ address: reachedAt(server), url: `${name}/`, trusted })
  if (status !== 0 || (/staging/.test(server.acme.directory) && distrusted.test(body))) return undefined
  // Asked once: what leads here goes on doing so.
  const other = unreachable.test(body) || why !== '' ? undefined : await leadsElsewhere(name, server)
  return { name, why: other ?? body, elsewhere: other !== undefined }
}

const unreachable = /ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|EACCES|no answer within/

/** The CA of a staging directory is one that nobody trusts, and a certificate of it is what was asked for. */
const distrusted = /self-signed certificate in certificate chain|unable to (?:get|verify)/

/** For a name that leads here: the last that Caddy has heard from the CA. */
async function explained(silent: readonly Silent[], shell: WaitForSites['shell']): Promise<readonly Silent[]> {
  if (shell === undefined || silent.every(({ elsewhere }) => elsewhere)) return silent
  const { stdout } = await shell
    .run(sh`journalctl -q -u caddy.service -o cat --since -15min --no-pager | grep -F '"level":"error"' || :`)
    .catch(() => ({ stdout: '' }))
  const errors = caddyErrors(stdout)
  return silent.map((one) => {
    const why = errors.get(one.name)
    return one.elsewhere || why === undefined ? one : { ...one, why: `the CA gave no certificate: ${why}` }
  })
}

/** What Caddy’s journal says last of each name that it got no certificate for. Lines that are not its JSON are left out. */
export function caddyErrors(journal: string): ReadonlyMap<string, string> {
  return new Map(
    journal.split('\n').flatMap((line) => {
      try {
        const { identifier, error } = JSON.parse(line) as { readonly identifier?: unknown; readonly error?: unknown }
        return typeof identifier === 'string' && typeof error === 'string' ? [[identifier, error.slice(0, 300)] as const] : []
      } catch {
        return []
      }
    }),
  )
}

const some = (names: readonly string[]): string =>
  names.length <= 3 ? names.join(', ') : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`
