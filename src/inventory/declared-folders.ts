import { within } from './conflicts/folders.ts'
import type { Server } from './schema/shape.ts'

/**
 * The folders whose content the inventory declares, sorted, each once: those of sites and of NFS exports, wherever they are, but for
 * what `backup.exclude` leaves out. A backup has to hold them, a restore brings them back, and a drill compares them.
 */
export function declaredFolders({ sites, nfs, backup }: Pick<Server, 'sites' | 'nfs' | 'backup'>): readonly `/${string}`[] {
  const all = [...sites.map(({ root }) => root), ...(nfs?.exports ?? []).map(({ path }) => path)]
  return [...new Set(all)].filter((path) => !(backup?.exclude ?? []).some((excluded) => within(path, excluded))).toSorted()
}
