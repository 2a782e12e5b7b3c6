import type { BorgHere } from '../../backup/borg-here.ts'
import { sh } from '../../sh.ts'
import type { Machine } from '../machine/machine.ts'
import type { Found } from './found.ts'

/**
 * Compares each declared folder of an archive with that of a restored host: every file by digest, every link by where it leads. A
 * folder that the archive has nothing of differs.
 */
export async function compareFolders(
  borg: BorgHere,
  archive: string,
  folders: readonly string[],
  host: Machine,
): Promise<readonly Found[]> {
  const real = await whereTheyWere(borg, archive)
  const found: Found[] = []
  for (const folder of folders) {
    const at = real.get(folder) ?? folder
    const wanted = await inArchive(borg, archive, at.slice(1))
    const there = await onHost(host, folder)
    const lost = [...(wanted ?? [])].filter(([name, content]) => there.get(name) !== content).map(([name]) => name)
    const differs = lost.length === 0 ? '' : `${lost.length} are not there as they were: ${lost[0]}`
    found.push({
      what: `${wanted?.size ?? 0} files of a declared folder`,
      where: folder,
      differs: wanted === undefined ? 'the archive has no such folder' : differs,
    })
  }
  return found
}

/** Where each declared folder really was, when a link led elsewhere. Older archives do not say. */
async function whereTheyWere(borg: BorgHere, archive: string): Promise<ReadonlyMap<string, string>> {
  const path = 'var/lib/provision/backup/dump/folders'
  if ((await borg.run(['list', '--short', `::${archive}`, `pp:${path}`])) === '') return new Map()
  const lines = (await borg.run(['extract', '--stdout', `::${archive}`, path])).split('\n').filter(Boolean)
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]))
}

/** Of each file and link below a folder, by its name: the digest, or where it leads. */
type Contents = ReadonlyMap<string, string>

/** Undefined where the archive has no such folder. */
async function inArchive(borg: BorgHere, archive: string, folder: string): Promise<Contents | undefined> {
  const format = '{type}{NUL}{sha256}{NUL}{source}{NUL}{path}{NUL}'
  const fields = (await borg.run(['list', '--format', format, `::${archive}`, `pp:${folder}`])).split('\0').slice(0, -1)
  if (fields.length === 0) return undefined
  const contents = new Map<string, string>()
  for (let i = 0; i < fields.length; i += 4) {
    const [type, digest, source, path] = fields.slice(i, i + 4) as [string, string, string, string]
    const name = (of: string) => of.slice(folder.length + 1)
    if (type === 'l') contents.set(name(path), `link to ${source}`)
    // A further name of a file, which comes before it, has no digest.
    if (type === '-') contents.set(name(path), digest || contents.get(name(source)) || 'unknown')
  }
  return contents
}

/** The same of a folder on the host, which may be a link; empty where there is none. */
async function onHost(host: Machine, folder: string): Promise<Contents> {
  const { code, stdout } = await host.run(sh`set -e
cd -P -- ${folder}
find . -type f -exec sha256sum -z -- {} +
find . -type l -printf 'link %p\0%l\0'`)
  const said = code === 0 ? stdout.split('\0').values() : [].values()
  const contents = new Map<string, string>()
  for (const one of said)
    if (one.startsWith('link ')) contents.set(one.slice('link ./'.length), `link to ${said.next().value}`)
    else contents.set(one.slice(64 + '  ./'.length), one.slice(0, 64))
  return contents
}
