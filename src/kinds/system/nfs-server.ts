import { type Change, changedFields, defineKind } from '../../engine/kind.ts'
import { sh } from '../../sh.ts'
import { digest, keepNote, note, staleReads } from '../sh/reads.ts'

export interface NfsServer {
  readonly exports: readonly NfsExport[]
  /** The one address that it listens on. */
  readonly address: string
  /** What it reads when it starts. /etc/exports it reads again without a restart, which would keep clients waiting for 90 s. */
  readonly reads: readonly `/${string}`[]
}

export interface NfsExport {
  readonly path: string
  readonly to: string
  readonly options: readonly string[]
}

interface State {
  /** Why this machine can have none; empty where it can. */
  readonly lacks: string
  readonly enabled: string
  readonly active: string
  /** `-3 +4 +4.1 +4.2`. */
  readonly versions: string
  readonly listening: readonly string[]
  /** Options by `PATH NETWORK`. */
  readonly exported: ReadonlyMap<string, readonly string[]>
  readonly stale: readonly string[]
}

/** The kernel's NFS server, version 4 alone, with exactly these exports: see exports(5). A container has none of its own. */
export const nfsServer = defineKind<NfsServer, State>({
  name: 'nfs-server',
  key: () => 'exports',

  probe: (all) => sh`
${digest}
if systemd-detect-virt -qc; then printf 'lacks a container has no NFS server of its own\n'
elif ! grep -qw nfsd /proc/filesystems && ! modprobe -qn nfsd; then printf 'lacks kernel without nfsd\n'; fi
systemctl show -p LoadState -p ActiveState -p UnitFileState -- ${unit}
[ ! -r /proc/fs/nfsd/versions ] || sed 's/^/versions /' /proc/fs/nfsd/versions
[ ! -r /var/lib/nfs/etab ] || sed 's/^/export /' /var/lib/nfs/etab
ss -Hltn 'sport = :2049' | while read -r _ _ _ local _; do printf 'listening %s\n' "$local"; done
${all.map(
  ({ reads }) => sh`${staleReads(unit, reads)}
${staleReads(exportsStamp, ['/etc/exports'])}`,
)}`,

  parse: (output) => {
    const get = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(output)?.[1]
    const load = get('LoadState')
    if (load === undefined) return new Map()
    const all = (pattern: RegExp) => [...output.matchAll(pattern)]
    const state: State = {
      lacks: /^lacks (.*)$/m.exec(output)?.[1] ?? '',
      enabled: load === 'not-found' ? 'absent' : (get('UnitFileState') ?? ''),
      active: get('ActiveState') ?? '',
      versions: /^versions (.*)$/m.exec(output)?.[1] ?? '',
      listening: all(/^listening (.*):2049$/gm).map(([, address]) => address!),
      exported: new Map(
        all(/^export (\S+)\s+([^\s(]+)\((.*)\)$/gm).map(([, path, to, options]) => [`${path} ${to}`, options!.split(',')]),
      ),
      stale: all(/^stale (\S+)$/gm).map(([, name]) => name!),
    }
    return new Map([['exports', state]])
  },

  diff: ({ exports, address }, have): readonly Change[] => {
    // Installed, it would fail at each boot.
    if (have.lacks !== '') return have.enabled === 'enabled' ? [{ field: 'enabled', from: 'enabled', to: 'disabled' }] : []
    const declared = new Map(exports.map(({ path, to, options }) => [`${path} ${to}`, options]))
    const on = have.active === 'active'
    const others = have.listening.filter((one) => one !== address)
    return [
      ...changedFields({ enabled: 'enabled', active: 'active' }, have),
      ...(have.stale.length === 0 ? [] : [{ field: 'config', from: 'stale', to: 'fresh' }]),
      ...(on && /\+[23]\b/.test(have.versions) ? [{ field: 'versions', from: have.versions, to: '4 alone' }] : []),
      ...(on && others.length > 0 ? [{ field: 'listening', from: others.join(' '), to: address }] : []),
      ...[...declared].flatMap(([name, options]) => {
        const there = have.exported.get(name)
        if (there === undefined) return [{ field: name, from: 'absent', to: options.join(',') }]
        const lacking = options.filter((option) => !there.includes(option))
        return lacking.length === 0 ? [] : [{ field: name, from: there.join(','), to: options.join(',') }]
      }),
      ...[...have.exported]
        .filter(([name]) => !declared.has(name))
        .map(([name, options]) => ({ field: name, from: options.join(','), to: 'absent' })),
    ]
  },

  apply: ({ reads }, have, changes) => {
    if (have.lacks !== '')
      return sh`
systemctl disable --now -- ${unit}
systemctl reset-failed`
    const restart = have.active !== 'active' || have.stale.includes(unit) || changes.some(({ field }) => roots.includes(field))
    return sh`
systemctl daemon-reload
${digest}
${note(unit, reads)}
${note(exportsStamp, ['/etc/exports'])}
systemctl -q enable -- ${unit}
if ! systemctl ${restart ? 'restart' : 'reload'} -- ${unit}; then
  journalctl -q -u ${unit} -n 6 --no-pager -o cat >&2
  exit 1
fi
exportfs -ra
${keepNote(unit)}
${keepNote(exportsStamp)}`
  },

  notes: (_, { lacks }) => (lacks === '' ? [] : [`not here: ${lacks}`]),
})

const unit = 'nfs-server.service'
const exportsStamp = `${unit}.reload`
/** What only a restart corrects. */
const roots = ['versions', 'listening']
