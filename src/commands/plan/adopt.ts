import { edited } from '../../engine/converge.ts'
import type { Plan } from '../../engine/plan.ts'
import { plan } from '../../engine/plan.ts'
import { Secret } from '../../secret.ts'
import type { Io } from '../../session/io.ts'
import { open } from '../../session/open.ts'
import type { OpenOptions } from '../../session/open-options.ts'
import { contents, diffLines } from './diff.ts'

/**
 * Prints what was edited on the host since we wrote it, and how to keep it: a playbook of one's own that declares that text.
 * Writes nothing, here or there. Returns 0, or 2 when there is something to adopt.
 */
export async function adopt(options: OpenOptions, io: Io, out: (line: string) => void): Promise<number> {
  const opened = await open(options, io)
  try {
    const steps = opened.playbooks.flatMap((one) => one.steps)
    await opened.secrets.open(steps)
    const seen = await plan(opened.connection, opened.host, steps)
    const theirs: Plan = {
      host: seen.host,
      steps: seen.steps.map((step) => ({ ...step, drift: step.drift.filter((drift) => edited(drift) !== undefined) })),
    }
    const found = theirs.steps.flatMap(({ step, drift }) => drift.map((one) => ({ step, drift: one })))
    if (found.length === 0) {
      out('nothing was edited on the host')
      return 0
    }
    io.report.diff(await diffLines(opened.connection, theirs))
    // A secret is told as one by the diff, and shown nowhere.
    const readable = found.filter(({ drift: { resource } }) => !(resource.kind.text?.(resource.desired).wanted instanceof Secret))
    const texts = await contents(
      opened.connection,
      readable.map(({ drift: { resource } }) => resource.kind.text?.(resource.desired).path ?? ''),
    )
    for (const [i, { step, drift }] of readable.entries()) {
      const path = drift.resource.id.slice('file:'.length)
      io.report.event({ event: 'edited', id: drift.resource.id, step: step.id, path, content: texts[i] })
      if (io.json) continue
      out('')
      out(`# ${drift.resource.id} is declared by ${step.id}. Where an inventory field says this, change that. Else, to keep it,`)
      out(`# put this into the list of a playbook of your own, in place of ours (docs/guides/own-playbook.md):`)
      out(`file({ path: ${JSON.stringify(path)}, content: ${JSON.stringify(texts[i])} })`)
    }
    return 2
  } finally {
    await opened.close()
  }
}
