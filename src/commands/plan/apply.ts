import { factsProbe, parseFacts } from '../../dns/facts.ts'
import { edited } from '../../engine/converge.ts'
import type { Drift } from '../../engine/drift.ts'
import { countChanges, type Plan, plan, select } from '../../engine/plan.ts'
import type { Failure, RunHooks } from '../../engine/run.ts'
import type { Step } from '../../engine/step.ts'
import { noTerminal, ProvisionError } from '../../errors.ts'
import type { Io } from '../../session/io.ts'
import { type Opened, open } from '../../session/open.ts'
import type { ApplyOptions } from './apply-options.ts'

/**
 * Shows the plan of the host and its zones, asks once, and corrects. Returns the exit code: 0 done or nothing to do, 1 could not look,
 * 2 drift with `--check`. Throws ProvisionError for all else.
 */
export async function apply(given: ApplyOptions, io: Io): Promise<number> {
  const began = performance.now()
  if (!given.check && !given.yes && io.ask === undefined)
    throw noTerminal('say --yes to correct what differs, or --check to look only')
  const withZones = given.only === undefined || given.only.includes(zonesId)
  const options = { ...given, corrects: !given.check, only: given.only?.filter((id) => id !== zonesId) }
  const opened = await open(options, io)
  try {
    const { server, connection, host } = opened
    if (options.publish) await (await import('./zones.ts')).mayPublish(opened)
    const steps = select(opened.playbooks, options.only)
    await opened.secrets.open(steps)
    const looksAtZones = withZones && (server.dns.in_plan || given.only !== undefined || options.publish === true)
    const { seen, zones } = await look(opened, steps, looksAtZones)
    const { changes, unknown } = countChanges(seen)
    io.report.plan(host, seen, zones?.told)
    await opened.refuseMistakes(seen)
    if (options.diff) io.report.diff(await (await import('./diff.ts')).diffLines(connection, seen))
    const hostIsWell = changes + unknown === 0 && !seen.host.undoArmed && seen.host.upgrade === undefined
    const end = (code: number, changed: number, published = false) => {
      const resources = steps.flatMap((step) => step.resources).length
      const ms = performance.now() - began
      const differ = published || (zones?.code ?? 0) === 0 ? undefined : code === 2 && !hostIsWell ? 'host and zones' : 'zones'
      io.report.end({ code, changed, resources, execs: connection.execs, ms, differ })
      return code
    }
    if (hostIsWell && (zones?.code ?? 0) === 0) return end(0, 0)
    if (options.check) return end(unknown > 0 || zones?.code === 1 ? 1 : 2, 0)
    const question = `Correct ${changes} difference${changes === 1 ? '' : 's'} on ${host}?`
    if (!hostIsWell && !options.yes && !(await io.ask!.confirm(question))) return end(changes === 0 ? 1 : 2, 0)
    const web = zones === undefined ? undefined : (await import('./zones.ts')).beforeWeb(opened, zones, options, io)
    const done = hostIsWell ? undefined : await correct(opened, steps, seen, options, io, web?.before)
    const { changed = [], left = [], failed = [] } = done ?? {}
    if (changed.some(isOfTheWeb))
      await (await import('./sites-answer.ts')).sitesAnswer(server, io, { domain: options.domain, shell: done?.session })
    if (failed.length > 0) throw unfinished(host, failed)
    const published =
      zones === undefined ||
      (!web?.declined() && (await (await import('./zones.ts')).publishLeft(opened, zones, done?.session, options, io)))
    if (left.length > 0) io.report.error(leftAlone(left))
    return end(left.length > 0 ? 1 : 0, changed.length, published)
  } finally {
    await opened.close()
  }
}

/** After these the web server may ask for certificates. */
const isOfTheWeb = ({ resource: { id } }: Drift): boolean => id === 'service:caddy.service'

/** What `--only` calls the zones. */
const zonesId = 'dns'

/** Looks at the host in one exec, and meanwhile at its zones. */
async function look({ connection, host, server }: Opened, steps: readonly Step[], zonesToo: boolean) {
  if (!zonesToo) return { seen: await plan(connection, host, steps), zones: undefined }
  const looking = plan(connection, host, steps, factsProbe(server))
  // Waited for below. The script is on its way: what is loaded meanwhile costs nothing.
  looking.catch(() => undefined)
  const { zonesAhead } = await import('./zones.ts')
  const zones = zonesAhead(server)
  const seen = await looking
  return { seen, zones: await zones(parseFacts(server, seen.also?.stdout ?? '')) }
}

/** Corrects the host. Returns what was corrected, what a person wrote there and stays, and the login after a change. */
async function correct(
  opened: Opened,
  steps: readonly Step[],
  seen: Plan,
  options: ApplyOptions,
  io: Io,
  before?: RunHooks['before'],
) {
  const edits = seen.steps.flatMap(({ drift }) => drift).filter((drift) => edited(drift) !== undefined)
  const overwrite = edits.length === 0 || (await mayOverwrite(opened, seen, edits, options, io))
  const { correctAll } = await import('./correct.ts')
  const leave = overwrite ? () => false : (drift: Drift) => edited(drift) !== undefined
  const { changed, failed, session } = await correctAll(opened, steps, seen, io, leave, before)
  if (changed.some(({ resource: { kind } }) => kind.name === 'borg-repository'))
    await (await import('../backup/repository-key.ts')).fetchRepositoryKey(options, io)
  return { changed, failed, left: overwrite ? [] : edits, session: changed.length > 0 ? session : undefined }
}

/** `--yes` alone overwrites nothing that a person wrote: on a terminal it is shown, and asked for by itself. */
async function mayOverwrite(
  { connection }: Opened,
  { host, steps }: Plan,
  edits: readonly Drift[],
  { overwrite, diff, yes }: ApplyOptions,
  io: Io,
): Promise<boolean> {
  if (overwrite || yes || io.ask === undefined) return overwrite === true
  const theirs = steps.map((step) => ({ ...step, drift: step.drift.filter((drift) => edits.includes(drift)) }))
  if (!diff) io.report.diff(await (await import('./diff.ts')).diffLines(connection, { host, steps: theirs }))
  return io.ask.confirm(`Overwrite what was edited there, ${edits.map(({ resource: { id } }) => id).join(' ')}? A copy is kept`)
}

/** What a run says at its end when steps have failed and it went on without them. */
function unfinished(host: string, failed: readonly Failure[]): ProvisionError {
  const own = new Set(failed.map(({ step }) => step.id.split('/')[0]!))
  const others = [...new Set(failed.flatMap(({ stops }) => [...stops]))].filter((id) => !own.has(id))
  return new ProvisionError(
    host,
    `failed: ${failed.map(({ step }) => step.id).join(' ')}${others.length === 0 ? '' : `; not corrected, because it builds on that: ${others.join(' ')}`}`,
    'all else is as declared; run it again once the cause is removed',
  )
}

const leftAlone = (edits: readonly Drift[]) => ({
  where: edits.map(({ resource: { id } }) => id).join(' '),
  message: `${edits.length === 1 ? 'was' : 'were'} edited on the host, and left so`,
  hint: '--overwrite replaces it and keeps a copy; “provision adopt” says how to keep it',
})
