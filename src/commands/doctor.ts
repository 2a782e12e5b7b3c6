import { writeFileSync } from 'node:fs'
import { rootCertificates } from 'node:tls'
import { checks } from '../doctor/checks.ts'
import { CouldNotLook } from '../doctor/could-not-look.ts'
import { dnsThrough } from '../doctor/dns.ts'
import { examine, type Result } from '../doctor/examine.ts'
import { memoryFile, recall, remember, turns } from '../doctor/memory.ts'
import { page } from '../doctor/page.ts'
import type { Patient } from '../doctor/patient.ts'
import { ProvisionError } from '../errors.ts'
import { reachOf } from '../inventory/reach.ts'
import type { Store } from '../secrets/store.ts'
import { arrival } from '../session/arrival.ts'
import type { Io } from '../session/io.ts'
import { load } from '../session/open.ts'
import type { OpenOptions } from '../session/open-options.ts'
import type { Sh } from '../sh.ts'
import type { Connection } from '../ssh/options.ts'
import { seconds } from '../ui/report.ts'
import { countLine, resultLines, turnLines } from '../ui/verdicts.ts'

/** What `provision doctor` may be told. */
export interface DoctorOptions extends OpenOptions {
  /** These checks and nothing else. */
  readonly only?: readonly string[] | undefined
  readonly resolver?: string | undefined
  /** A file for a page of HTML. */
  readonly html?: string | undefined
  /** Only what is another than the last time. */
  readonly since?: boolean | undefined
}

/** Looks at a server from outside and from inside. Returns the exit code: 0 all well, 2 findings, 1 something could not be looked at. */
export async function doctor(options: DoctorOptions, io: Io, out: (line: string) => void): Promise<number> {
  const began = performance.now()
  const chosen = checks.filter(({ id }) => options.only?.includes(id) ?? true)
  const stranger = options.only?.find((id) => checks.every((check) => check.id !== id))
  if (stranger !== undefined)
    throw new ProvisionError('--only', `there is no check “${stranger}”`, `there are: ${checks.map(({ id }) => id).join(' ')}`)
  const { only: _, ...reaching } = options
  const { inventory, server, playbooks } = await load(reaching, io, false)
  const going = arrival(reaching, io).arrive(inventory.dir, reachOf(server))
  going.catch(() => undefined)
  const resolver = options.resolver ?? server.dns.lookup
  const patient: Patient = {
    ...{ server, playbooks, secret: await secrets(inventory.store), on: over(going) },
    ...{ resolver, dns: dnsThrough(resolver) },
    trusted: [...rootCertificates, ...(server.acme.ca === undefined ? [] : [server.acme.ca])],
  }
  const file = memoryFile(inventory.name)
  const before = recall(file)
  const quiet = io.json || options.since === true
  const line = progressLine(io, chosen.length)
  // The next moves are commands: with the host's own name in them.
  const named = (result: Result): Result => ({
    ...result,
    findings: result.findings.map((finding) => ({
      ...finding,
      ...(finding.next === undefined ? {} : { next: finding.next.replaceAll('--host X', `--host ${inventory.name}`) }),
    })),
  })
  const seen = await examine(chosen, patient, {
    begins: ({ id }) => line.begins(id),
    ends: (raw) => {
      const result = named(raw)
      line.ends(result.id, () => {
        io.report.event({ event: 'check', ...result, ms: Math.round(result.ms) })
        if (!quiet) for (const one of resultLines(result)) out(one)
      })
    },
  })
  const results = seen.map(named)
  await going.then((connection) => connection.close()).catch(() => undefined)
  const changed = before === undefined ? undefined : turns(before, results)
  if (options.only === undefined) remember(file, results)
  if (options.html !== undefined)
    writeFileSync(options.html, page({ host: inventory.name, at: new Date(), results }), { mode: 0o600 })
  const code = exitCode(results)
  const ms = performance.now() - began
  if (io.json) {
    if (options.since) for (const turn of changed ?? []) io.report.event({ event: 'turn', ...turn })
  } else {
    if (options.since)
      for (const one of before === undefined ? ['there was no look before'] : turnLines(before.at, changed!)) out(one)
    out(`${inventory.name}: ${countLine(results)} (${seconds(ms)})`)
  }
  return code
}

/** As with --check: what could not be looked at weighs more than what was found. */
function exitCode(results: readonly Result[]): number {
  const verdicts = results.map(({ verdict }) => verdict)
  const blind = results.some(({ findings }) => findings.some(({ verdict }) => verdict === 'could not look'))
  return blind ? 1 : verdicts.some((verdict) => verdict !== 'ok') ? 2 : 0
}

/** Reads over a login that may not have come about. */
const over =
  (going: Promise<Connection>) =>
  async (script: Sh): Promise<string> => {
    const connection = await going.catch((cause: Error) => {
      throw new CouldNotLook(`there is no login: ${cause.message}`, cause instanceof ProvisionError ? cause.hint : undefined)
    })
    const { code, stdout, stderr } = await connection.run(script)
    if (code !== 0) throw new CouldNotLook(`the host could not look: ${stderr.trim().split('\n').at(-1) || `exit code ${code}`}`)
    return stdout
  }

async function secrets(store: Store): Promise<Patient['secret']> {
  const opening = await store.open().then(
    () => undefined,
    (cause: Error) => cause.message,
  )
  return (name) => {
    const value = opening === undefined ? store.value(name) : undefined
    if (value === undefined)
      throw new CouldNotLook(`the secret ${name} is not known here${opening === undefined ? '' : `: ${opening}`}`)
    return value
  }
}

/** One line on a terminal that says what is being looked at. */
function progressLine({ terminal }: Io, total: number) {
  const running = new Set<string>()
  let done = 0
  const draw = () => {
    if (terminal)
      process.stderr.write(
        `\r\x1b[K${running.size === 0 ? '' : `${done} of ${total}; looking at ${[...running].join(' ')}`.slice(0, (process.stderr.columns ?? 80) - 1)}`,
      )
  }
  return {
    begins: (id: string) => {
      running.add(id)
      draw()
    },
    ends: (id: string, print: () => void) => {
      running.delete(id)
      done++
      if (terminal) process.stderr.write('\r\x1b[K')
      print()
      draw()
    },
  }
}
