import type { Io } from '../../session/io.ts'
import { load } from '../../session/open.ts'
import type { OpenOptions } from '../../session/open-options.ts'

/** Prints the ids and titles of playbooks and steps, in the order of the install. */
export async function list(options: OpenOptions, io: Io, out: (line: string) => void): Promise<number> {
  const { playbooks } = await load(options, io, false)
  for (const { id, steps } of playbooks) {
    const told = steps.map((step) => ({ id: step.id, title: step.title, guarded: step.guard !== undefined }))
    io.report.event({ event: 'playbook', id, steps: told })
    if (io.json) continue
    out(id)
    for (const step of steps) out(`  ${step.id}  ${step.title}${step.guard === undefined ? '' : ' (guarded)'}`)
  }
  return 0
}
