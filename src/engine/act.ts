import { randomBytes } from 'node:crypto'
import { ProvisionError } from '../errors.ts'
import { readLater, redact, type Sh, sh } from '../sh.ts'
import type { Drift } from './drift.ts'
import { keeping, told } from './history.ts'
import { asks } from './kind.ts'
import { statePlaces } from './probe.ts'
import type { Shell } from './shell.ts'
import type { Step } from './step.ts'

/** What a run hears while a step is corrected. */
export interface StepListener {
  /** A resource's correction begins. */
  correcting?(drift: Drift): void
  /** A line that a correction printed: apt says what it does. */
  output?(line: string): void
}

/** What has to be done on the host right before a step is corrected, by the same script: what it is called, and who hears that it was done. */
export interface Before {
  readonly what: string
  readonly script: Sh
  done(): void
}

/** Runs the corrections of a step as one script, which stops at the first that fails. Throws ProvisionError then. */
export async function act(
  shell: Shell,
  step: Step,
  drift: readonly Drift[],
  listener: StepListener = {},
  before?: Before,
): Promise<void> {
  const nonce = randomBytes(8).toString('hex')
  const script = corrections(step.id, drift, nonce, before?.script)
  let current: Drift | undefined
  let doing = before?.what ?? 'its corrections'
  let said: readonly string[] = []
  const waiting = patiently((seconds) => listener.output?.(`waiting for ${current?.resource.id ?? doing} since ${seconds} s`))
  const output = await shell
    .work(script, (line) => {
      waiting.heard()
      const [mark, number] = line.split(' ')
      if (mark === nonce && number === 'begin') {
        doing = 'its corrections'
        before?.done()
      } else if (mark === nonce) {
        ;[current, said] = [drift[Number(number)], []]
        if (current !== undefined) listener.correcting?.(current)
      } else if (line.trim() !== '') {
        said = [...said.slice(-7), line]
        listener.output?.(redact(line, script))
      }
    })
    .finally(waiting.end)
  if (output.code === 0) return
  const why = redact([...said, output.stderr].join('\n').trim(), script)
  const what = current === undefined ? doing : `correcting ${(current as Drift).resource.id}`
  throw new ProvisionError(step.title, `${what} failed with exit code ${output.code}: ${why || 'the host said nothing'}`)
}

/** How long a correction may be silent before it is said what is waited for, in seconds; and then again. */
const quiet = 30

/** Says, after each half minute in which nothing was heard, for how many seconds that has been so. */
function patiently(say: (seconds: number) => void): { heard(): void; end(): void } {
  let last = performance.now()
  const timer = setInterval(() => {
    const seconds = Math.round((performance.now() - last) / 1000)
    if (seconds >= quiet - 1) say(seconds)
  }, quiet * 1000)
  return {
    heard: () => {
      last = performance.now()
    },
    end: () => clearInterval(timer),
  }
}

/**
 * The corrections of a step as one script, which says what it did on the host too. Each is a subshell of its own; the first that fails
 * ends it, with its code. `before` comes first; it knows the script's own session as `$session`, where it has one.
 */
export function corrections(step: string, drift: readonly Drift[], nonce: string, before?: Sh): Sh {
  return sh`session=\${1:-}
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 022
cd /
${statePlaces}
( umask 077; mkdir -p -- "$provision" )
${before === undefined ? sh`` : before}
${keeping}
printf '%s begin\n' ${nonce}
${drift.map(
  (one, i) => sh`printf '%s %s\n' ${nonce} ${i}
( set -e
${correction(one)}
)
code=$?
[ "$code" -eq 0 ] || exit "$code"
${told(step, one)}`,
)}`
}

function correction({ resource, current, changes }: Drift): Sh {
  const { kind, desired } = resource
  const made = asks(resource, () => kind.apply(desired, current, changes))
  return kind.own ? readLater(made) : made
}
