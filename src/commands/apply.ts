import { type Drift, edited, type Leave, type Listener } from '../converge.ts'
import { noTerminal } from '../errors.ts'
import { count, type Plan, plan, select } from '../plan.ts'
import { type RunHooks, recover, run } from '../run.ts'
import type { Step } from '../step.ts'
import { seconds } from '../ui/report.ts'
import type { TaskLine } from '../ui/tasks.ts'
import { who } from '../who.ts'
import type { Io } from './io.ts'
import { type Opened, type OpenOptions, open } from './open.ts'
import { stopSignals } from './signals.ts'

/** What `provision --host X` may be told. */
export interface ApplyOptions extends OpenOptions {
  readonly check: boolean
  readonly diff: boolean
  readonly yes: boolean
  /** What was edited on the host goes too; a copy is kept there. */
  readonly overwrite?: boolean | undefined
  readonly only: readonly string[] | undefined
}

/**
 * Shows the plan, asks once, and corrects. Returns the exit code: 0 done or nothing to do, 1 could not look, 2 drift with
 * `--check`. Throws ProvisionError for all else.
 */
export async function apply(options: ApplyOptions, io: Io): Promise<number> {
  const began = performance.now()
  if (!options.check && !options.yes && io.ask === undefined)
    throw noTerminal('say --yes to correct what differs, or --check to look only')
  const opened = await open(options, io)
  try {
    const steps = select(opened.playbooks, options.only)
    const resources = steps.flatMap((step) => step.resources).length
    await opened.secrets.open(steps)
    const seen = await plan(opened.connection, opened.host, steps)
    const end = (code: number, changed: number) => {
      io.report.end({ code, changed, resources, execs: opened.connection.execs, ms: performance.now() - began })
      return code
    }
    const { changes, unknown } = count(seen)
    io.report.plan(opened.host, seen)
    if (options.diff) io.report.diff(await (await import('./diff.ts')).diffLines(opened.connection, seen))
    if (changes + unknown === 0 && !seen.host.undoArmed) return end(0, 0)
    if (options.check) return end(unknown > 0 ? 1 : 2, 0)
    if (!options.yes && !(await io.ask!.confirm(`Correct ${changes} difference${changes === 1 ? '' : 's'} on ${opened.host}?`)))
      return end(changes === 0 ? 1 : 2, 0)
    const edits = seen.steps.flatMap(({ drift }) => drift).filter((drift) => edited(drift) !== undefined)
    const overwrite = edits.length === 0 || (await mayOverwrite(opened, seen, edits, options, io))
    const changed = await correctAll(opened, steps, seen, io, overwrite ? () => false : (drift) => edited(drift) !== undefined)
    if (changed.some(({ resource: { kind } }) => kind.name === 'borg-repository'))
      await (await import('./repository-key.ts')).fetchRepositoryKey(options, io)
    if (overwrite) return end(0, changed.length)
    io.report.error(leftAlone(edits))
    return end(1, changed.length)
  } finally {
    await opened.close()
  }
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

const leftAlone = (edits: readonly Drift[]) => ({
  where: edits.map(({ resource: { id } }) => id).join(' '),
  message: `${edits.length === 1 ? 'was' : 'were'} edited on the host, and left so`,
  hint: '--overwrite replaces it and keeps a copy; “provision adopt” says how to keep it',
})

async function correctAll(opened: Opened, steps: readonly Step[], seen: Plan, io: Io, leave: Leave): Promise<readonly Drift[]> {
  await opened.secrets.ensure(steps)
  const recovered = await recover(opened.connection, seen, who())
  const fresh = recovered ? await plan(opened.connection, opened.host, steps) : seen
  const signals = stopSignals((line) => io.report.say(line))
  const line = io.terminal ? (await import('../ui/tasks.ts')).taskLine : undefined
  try {
    return await run(opened.connection, fresh, hooks(opened, fresh, io, signals.stopped, line), leave)
  } finally {
    signals.forget()
  }
}

/** What a run tells: on a terminal one living line a step, else a line when it ends. */
function hooks(
  opened: Opened,
  { host }: Plan,
  io: Io,
  stopped: RunHooks['stopped'],
  draw: ((title: string) => TaskLine) | undefined,
): RunHooks {
  let line: TaskLine | undefined
  let began = 0
  const ends = async (step: Step, state: 'done' | 'failed') => {
    const ms = performance.now() - began
    if (line === undefined) io.report.step(step, state, ms)
    else await line[state](`${step.id} (${seconds(ms)})`)
    line = undefined
  }
  return {
    stopped,
    obtain: (artifact) =>
      opened.obtain(artifact, host.architecture, (text) => (line === undefined ? io.report.say(text) : line.update(text))),
    listener: (): Listener => ({
      correcting: ({ resource: { id } }) => line?.update(id),
      // Where no line lives, a wait that may last minutes is told all the same.
      output: (text) => (line === undefined && text.startsWith('waiting for ') ? io.report.say(text) : line?.update(text)),
    }),
    stepStarts: (step) => {
      began = performance.now()
      line = draw?.(step.id)
      if (line === undefined) io.report.step(step, 'start', 0)
    },
    stepEnds: async (step, changed) => {
      await ends(step, 'done')
      for (const drift of changed) io.report.change(step, drift)
    },
    stepFails: (step) => ends(step, 'failed'),
  }
}
