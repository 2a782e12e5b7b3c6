import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, renameSync, writeFileSync } from 'node:fs'
import { arch } from 'node:os'
import { basename, join } from 'node:path'
import { type Sh, sh } from '../../sh.ts'
import { local, mustRun } from '../local.ts'
import { locked } from '../lock.ts'
import { removeTraces, runIn } from '../machine/nspawn.ts'
import { cacheDirectory } from '../paths.ts'
import type { Mirror } from './mirror.ts'
import { mountOverlay, removeTree, unmountBelow } from './overlay.ts'

/** One thing that is done to a Debian 12, once: packages, then a script. Kept as an overlay layer under the hash of it all. */
export interface Layer {
  readonly name: string
  readonly packages?: readonly string[]
  readonly script?: Sh
}

/** What a machine is made of: layers on the base, the lowest first. */
export type Image = readonly Layer[]

/** Where images come from. */
export interface Workshop {
  readonly mirror: Mirror
  /** The apt cache, as this machine reaches it. */
  readonly proxy: string
  readonly onProgress: (text: string) => void
}

/** What every Debian 12 has that can be reached by SSH. */
const basePackages =
  'systemd systemd-sysv dbus udev libpam-systemd openssh-server iproute2 ca-certificates netbase procps iputils-ping kmod'.split(
    ' ',
  )

/** The directories of an image, the topmost first, as an overlay wants them. What is missing is built. */
export async function imageLayers(workshop: Workshop, image: Image): Promise<readonly string[]> {
  const { sources, options } = workshop.mirror
  const images = join(cacheDirectory(), 'images')
  mkdirSync(images, { recursive: true })
  let key = digest(['base 1', arch(), ...basePackages, ...sources, ...options])
  const base = join(images, key)
  await once(base, () => buildBase(workshop, base))
  const layers = [base]
  for (const layer of image) {
    key = digest([key, JSON.stringify([layer.packages ?? [], layer.script?.text ?? ''])])
    const directory = join(images, key)
    const lower = layers.toReversed()
    await once(directory, () => buildLayer(workshop, layer, directory, lower))
    layers.push(directory)
  }
  return layers.toReversed()
}

const digest = (parts: readonly string[]): string => createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 16)

/** Whoever comes second waits, and finds it made. */
async function once(directory: string, build: () => Promise<void>): Promise<void> {
  if (existsSync(directory)) return
  await locked(`${directory}.lock`, async () => {
    if (!existsSync(directory)) await build()
  })
}

async function buildBase({ mirror, proxy, onProgress }: Workshop, directory: string): Promise<void> {
  onProgress('building the base system (once; about half a minute)')
  const unfinished = `${directory}.new`
  // mmdebstrap that was killed leaves what it has mounted.
  await removeTree(unfinished)
  const options = [`Acquire::http::Proxy "${proxy}";`, ...mirror.options].flatMap((option) => ['--aptopt', option])
  // mmdebstrap leaves its apt options, and copies of this machine's resolv.conf and hostname.
  const clean =
    'rm -f "$1"/etc/apt/apt.conf.d/99mmdebstrap "$1"/etc/resolv.conf "$1"/etc/hostname "$1"/etc/machine-id "$1"/etc/ssh/ssh_host_*'
  const command = local({ input: `${mirror.sources.join('\n')}\n` })
  await mustRun(
    'the base system',
    'mmdebstrap',
    command`mmdebstrap --quiet --mode=root --variant=minbase --include=${basePackages.join(',')} ${options} --customize-hook=${clean} bookworm ${unfinished} -`,
  )
  writeFileSync(join(unfinished, 'etc/apt/sources.list'), `${mirror.sources.join('\n')}\n`)
  if (mirror.options.length > 0) writeFileSync(join(unfinished, 'etc/apt/apt.conf.d/90mirror'), `${mirror.options.join('\n')}\n`)
  renameSync(unfinished, directory)
}

async function buildLayer(
  { proxy, onProgress }: Workshop,
  layer: Layer,
  directory: string,
  lower: readonly string[],
): Promise<void> {
  onProgress(`building the image layer “${layer.name}” (once)`)
  const site = mkdtempSync(`${directory}.building-`)
  const cgroup = `provision-build-${basename(site)}`
  try {
    const root = await mountOverlay(site, lower)
    const build = local({ input: buildScript(layer, proxy).text })
    await mustRun(`layer ${layer.name}`, 'building it', build`${runIn(cgroup, root, ['/bin/sh', '-s'])}`)
    await unmountBelow(site)
    renameSync(join(site, 'upper'), directory)
  } finally {
    await removeTree(site)
    await removeTraces(cgroup)
  }
}

/** No daemon starts while it is built (policy-rc.d), and nothing of the building stays. /etc/hosts is each machine's own later. */
const buildScript = ({ packages = [], script = sh`` }: Layer, proxy: string): Sh => sh`{
set -e
export DEBIAN_FRONTEND=noninteractive LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
printf 'Acquire::http::Proxy "%s";\n' ${proxy} > /etc/apt/apt.conf.d/00build
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
printf '127.0.0.1 localhost\n127.0.1.1 build.example build\n' > /etc/hosts
set -- ${packages}
if [ $# -gt 0 ]; then
  apt-get -q update
  apt-get -q install -y --no-install-recommends -- "$@"
  apt-get clean
  rm -rf /var/lib/apt/lists/*
fi
${script}
rm -f /etc/apt/apt.conf.d/00build /usr/sbin/policy-rc.d /etc/ssh/ssh_host_* /etc/machine-id /var/lib/dbus/machine-id
} </dev/null`
