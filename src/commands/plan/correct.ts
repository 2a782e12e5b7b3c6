import type { StepListener } from '../../engine/act.ts'
import type { Leave } from '../../engine/converge.ts'
import { type Plan, plan } from '../../engine/plan.ts'
import { recover } from '../../engine/recover.ts'
import { type RunHooks, runSteps } from '../../engine/run.ts'
import type { Step } from '../../engine/step.ts'
import type { Io } from '../../session/io.ts'
import type { Opened } from '../../session/open.ts'
import { stopSignals } from '../../session/signals.ts'
import { seconds } from '../../ui/report.ts'
import type { TaskLine } from '../../ui/tasks.ts'
import { who } from '../../util/who.ts'

/** Corrects what the plan says, telling each step; `leave` says which differences stay, `before` is called ahead of each step. Returns what was corrected, and the login that it ended with. Throws ProvisionError. */
export async function correctAll(
  opened: Opened,
  steps: readonly Step[],
  seen: Plan,
  io: Io,
  leave: Leave,
  before?: RunHooks['before'],
): ReturnType<typeof runSteps> {
  await opened.secrets.ensure(steps)
  const recovered = await recover(opened.connection, seen, who())
  const fresh = recovered ? await plan(opened.connection, opened.host, steps) : seen
  const signals = stopSignals((line) => io.report.say(line))
  const line = io.terminal ? (await import('../../ui/tasks.ts')).taskLine : undefined
  try {
    return await runSteps(
      opened.connection,
      fresh,
      { ...hooks(opened, fresh, io, signals.stopped, line), ...(before && { before }) },
      leave,
    )
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
    listener: (): StepListener => ({
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
    goesOn: (error) => io.report.error(error),
  }
}
