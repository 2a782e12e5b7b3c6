import { randomBytes } from 'node:crypto'
import { ProvisionError } from './errors.ts'
import { keeping, told } from './history.ts'
import type { Change, Resource } from './kind.ts'
import { places } from './probe.ts'
import { redact, type Sh, sh } from './sh.ts'
import type { Shell } from './shell.ts'
import type { Step } from './step.ts'

/** One resource that is not as declared: what was found, and what differs. */
export interface Drift {
  readonly resource: Resource
  readonly current: unknown
  readonly changes: readonly Change[]
}

/** What a run hears while a step is corrected. */
export interface Listener {
  /** A resource's correction begins. */
  correcting?(drift: Drift): void
  /** A line that a correction printed: apt says what it does. */
  output?(line: string): void
}

/** Runs the corrections of a step as one script, which stops at the first that fails. Throws ProvisionError then. */
export async function act(shell: Shell, step: Step, drift: readonly Drift[], listener: Listener = {}): Promise<void> {
  const nonce = randomBytes(8).toString('hex')
  const script = corrections(step.id, drift, nonce)
  let current: Drift | undefined
  let said: readonly string[] = []
  const output = await shell.work(script, (line) => {
    const [mark, number] = line.split(' ')
    if (mark === nonce) {
      ;[current, said] = [drift[Number(number)], []]
      if (current !== undefined) listener.correcting?.(current)
    } else if (line.trim() !== '') {
      said = [...said.slice(-7), line]
      listener.output?.(redact(line, script))
    }
  })
  if (output.code === 0) return
  const why = redact([...said, output.stderr].join('\n').trim(), script)
  const what = current === undefined ? 'its corrections' : `correcting ${(current as Drift).resource.id}`
  throw new ProvisionError(step.title, `${what} failed with exit code ${output.code}: ${why || 'the host said nothing'}`)
}

/** The corrections of a step as one script, which says what it did on the host too. Each is a subshell of its own; the first that fails ends it, with its code. */
export function corrections(step: string, drift: readonly Drift[], nonce: string): Sh {
  return sh`export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 022
cd /
${places}
( umask 077; mkdir -p -- "$provision" )
${keeping}
${drift.map(
  (one, i) => sh`printf '%s %s\n' ${nonce} ${i}
( set -e
${one.resource.kind.apply(one.resource.desired, one.current, one.changes)}
)
code=$?
[ "$code" -eq 0 ] || exit "$code"
${told(step, one)}`,
)}`
}
