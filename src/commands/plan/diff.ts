import { createTwoFilesPatch } from 'diff'
import type { Plan } from '../../engine/plan.ts'
import type { Shell } from '../../engine/shell.ts'
import { hidden, Secret } from '../../secret.ts'
import { sh } from '../../sh.ts'

/** The text that differs, as unified diffs, for every drifted resource that has one: one exec, and none where there is none. */
export async function diffLines(shell: Shell, { steps }: Plan): Promise<readonly string[]> {
  const texts = steps
    .flatMap(({ drift }) => drift)
    .filter(({ changes }) => changes.some(({ field }) => field === 'content' || field === 'type'))
    .flatMap(({ resource: { kind, desired } }) => kind.text?.(desired) ?? [])
  const open = texts.filter(({ wanted }) => !(wanted instanceof Secret))
  const closed = texts.filter(({ wanted }) => wanted instanceof Secret)
  const have =
    open.length === 0
      ? []
      : await contents(
          shell,
          open.map(({ path }) => path),
        )
  return [
    ...open.flatMap(({ path, wanted }, i) =>
      createTwoFilesPatch(`${path} on the host`, `${path} as declared`, have[i]!, String(wanted), '', '').split('\n').slice(1),
    ),
    ...closed.map(({ path }) => `${path}: ${hidden}`),
  ]
}

/** What these files of the host hold; empty for one that is not there. Encoded, because a file may hold anything. */
export async function contents(shell: Shell, paths: readonly string[]): Promise<readonly string[]> {
  const { stdout } = await shell.run(sh`for f in ${paths}; do { [ ! -f "$f" ] || base64 -w 0 < "$f"; } 2>/dev/null; echo; done`)
  const rows = stdout.split('\n')
  return paths.map((_, i) => Buffer.from(rows[i] ?? '', 'base64').toString())
}
