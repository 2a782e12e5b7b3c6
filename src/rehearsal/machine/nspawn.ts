import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { until } from '../local.ts'

/** The cgroup hierarchies that a container's systemd lives in: one, or two on a machine that still has version 1. */
const hierarchies = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified', '/sys/fs/cgroup/systemd']

/** Without a systemd outside: no machined, no scope; the clock, the resolver and the journal stay the container's own. */
const always = [
  '--quiet',
  '--register=no',
  '--keep-unit',
  '--console=pipe',
  '--settings=no',
  '--resolv-conf=off',
  '--timezone=off',
  '--link-journal=no',
]

/** Puts itself into the cgroup, then becomes the container: two containers in one cgroup would share their units. */
const enter = `
for h in ${hierarchies.join(' ')}; do
  [ -e "$h/cgroup.procs" ] || continue
  mkdir -p "$h/$cgroup" && echo 0 > "$h/$cgroup/cgroup.procs"
done
export SYSTEMD_NSPAWN_API_VFS_WRITABLE=network
exec systemd-nspawn "$@"`

/** The command that runs one program in a root, with this machine's network. */
export const runIn = (cgroup: string, root: string, program: readonly string[]): readonly string[] => [
  'sh',
  '-c',
  `cgroup=$1; shift\n${enter}`,
  'sh',
  cgroup,
  ...always,
  '--as-pid2',
  `--machine=${cgroup}`,
  '--hostname=build.example',
  `--directory=${root}`,
  ...program,
]

/** What a container boots with. */
export interface Boot {
  readonly cgroup: string
  readonly root: string
  /** Its name outside; inside, /etc/hostname decides. */
  readonly machine: string
  /** A network namespace with its eth0. */
  readonly network: string
  /** Directories of this machine, as OUTSIDE:INSIDE. */
  readonly binds: readonly string[]
}

/**
 * The command that boots a root, and boots it again when it reboots: with --keep-unit nspawn leaves that (exit code 133) to us.
 * Its namespace outlives a boot, and with it a firewall's rules, which no kernel keeps: so they go first.
 * CAP_NET_ADMIN because its network namespace is its own; without it neither networkd nor ufw would run.
 */
export const boot = ({ cgroup, root, machine, network, binds }: Boot): readonly string[] => [
  'sh',
  '-c',
  `cgroup=$1 net=$2; shift 2
while :; do
  nsenter --net="$net" nft flush ruleset
  ( ${enter} )
  [ $? -eq 133 ] || exit 0
  printf 'provision: it reboots\\n'
done`,
  'sh',
  cgroup,
  `/run/netns/${network}`,
  ...always,
  '--boot',
  `--directory=${root}`,
  `--machine=${machine}`,
  `--network-namespace-path=/run/netns/${network}`,
  '--capability=CAP_NET_ADMIN',
  ...binds.map((bind) => `--bind=${bind}`),
]

/** Every process in a container's cgroup. */
export const processesOf = (cgroup: string): readonly number[] => [
  ...new Set(hierarchies.flatMap((hierarchy) => tree(join(hierarchy, cgroup)).flatMap(processesIn))),
]

/** Removes what a container leaves behind: its cgroup, whose last process may still be on its way out, and a directory of nspawn's. */
export async function removeTraces(cgroup: string): Promise<void> {
  // Where /run is on disk, nspawn does not dare to remove it itself.
  rmSync(join('/run/systemd/nspawn/propagate', cgroup), { recursive: true, force: true })
  for (const hierarchy of hierarchies) {
    const top = join(hierarchy, cgroup)
    const gone = () => (tree(top).toReversed().every(removed) ? true : undefined)
    await until({ where: top, what: 'the end of its last process', limit: 5_000 }, gone)
  }
}

/** A directory and all below it, from the top. */
function tree(top: string): readonly string[] {
  if (!existsSync(top)) return []
  const below = readdirSync(top, { recursive: true, withFileTypes: true }).filter((entry) => entry.isDirectory())
  return [top, ...below.map(({ parentPath, name }) => join(parentPath, name)).toSorted((a, b) => a.length - b.length)]
}

function processesIn(directory: string): readonly number[] {
  const file = join(directory, 'cgroup.procs')
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean).map(Number) : []
}

function removed(directory: string): boolean {
  try {
    rmdirSync(directory)
    return true
  } catch {
    return !existsSync(directory)
  }
}
