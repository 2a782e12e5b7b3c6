import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { ProvisionError } from '../../errors.ts'
import { local, mustRun } from '../local.ts'

/**
 * Mounts DIRECTORY/root: these layers, the topmost first, and what is written goes to DIRECTORY/upper.
 * `volatile` leaves out every sync: dpkg makes thousands, and only this machine's own crash could need them.
 */
export async function mountOverlay(directory: string, layers: readonly string[]): Promise<string> {
  const [root, upper, work] = ['root', 'upper', 'work'].map((name) => join(directory, name)) as [string, string, string]
  // A volatile mount marks its work directory as not to be used again.
  rmSync(work, { recursive: true, force: true })
  for (const one of [root, upper, work]) mkdirSync(one, { recursive: true })
  if ([directory, ...layers].some((path) => /[,:\\]/.test(path)))
    throw new ProvisionError(directory, 'an overlay cannot be mounted below a path with a comma, a colon or a backslash')
  const options = `lowerdir=${layers.join(':')},upperdir=${upper},workdir=${work},redirect_dir=on,volatile`
  await mustRun(directory, 'mounting the overlay', local`mount -t overlay provision -o ${options} ${root}`)
  return root
}

/** Unmounts everything that is mounted at or below a directory, the innermost first. */
export async function unmountBelow(directory: string): Promise<void> {
  for (const point of mountsBelow(directory).toReversed()) await mustRun(directory, `unmounting ${point}`, local`umount ${point}`)
}

/** Removes a directory with all below it, once nothing is mounted there: what was killed left this machine's /proc or /sys in it. */
export async function removeTree(directory: string): Promise<void> {
  await unmountBelow(directory)
  rmSync(directory, { recursive: true, force: true })
}

/** The mounts at or below a directory, in the order in which they were made. */
export function mountsBelow(directory: string): readonly string[] {
  const points = [...readFileSync('/proc/self/mountinfo', 'utf8').matchAll(/^\S+ \S+ \S+ \S+ (\S+) /gm)].map(([, point]) =>
    point!.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))),
  )
  return points.filter((point) => (point === directory || point.startsWith(`${directory}/`)) && existsSync(point))
}
