import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Sh, sh } from '../../sh.ts'
import { type Image, imageLayers, type Workshop } from '../image/image.ts'
import { mountOverlay, unmountBelow } from '../image/overlay.ts'
import { local, mustRun } from '../local.ts'
import { address, gateway, namespaceOf, plugIn, plugInVm, type RehearsalNetwork, switchOf } from '../network/network.ts'
import type { Machine } from './machine.ts'
import { writeState } from './machine-state.ts'
import { openMachine } from './open-machine.ts'
import { keepHostKeys, kernel, makeDisk } from './vm-disk.ts'

/** A machine to be made. */
export interface MachinePlan {
  readonly name: string
  readonly image: Image
  readonly network: RehearsalNetwork
  /** Its addresses, as the last number of each; the first is its own. */
  readonly numbers: readonly number[]
  /** The name that it is delivered with. */
  readonly hostname: string
  readonly resolver: string
  readonly rootPassword: string
  /** A virtual machine, with a kernel of its own, instead of a container. */
  readonly vm?: boolean
  readonly binds?: readonly string[]
  /** Text that it has before its first boot, by path. */
  readonly files?: Readonly<Record<string, string>>
  /** Run in its root before its first boot. */
  readonly prepare?: Sh
}

/** Makes a machine below a directory: its own host keys, machine id, password and network. It is not booted yet. */
export async function makeMachine(directory: string, workshop: Workshop, plan: MachinePlan): Promise<Machine> {
  const { name, network, numbers, rootPassword, vm = false, binds = [], prepare = sh`` } = plan
  const layers = await imageLayers(workshop, vm ? [...plan.image, kernel] : plan.image)
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const container = namespaceOf(network, name)
  const state = { name, container, address: address(network, numbers[0]!), rootPassword, binds, layers, snapshots: {} }
  writeState(directory, vm ? { ...state, vm: switchOf(network) } : state)
  await (vm ? plugInVm : plugIn)(network, name)
  const root = await mountOverlay(directory, layers)
  for (const [path, text] of Object.entries({ ...ownFiles(plan), ...plan.files })) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  await mustRun(name, 'preparing its root', local({ input: preparation(rootPassword, prepare).text })`chroot ${root} /bin/sh -s`)
  if (vm) {
    workshop.onProgress(`making the disk of ${name}`)
    await makeDisk(directory, name, root)
    keepHostKeys(directory, root)
  }
  await unmountBelow(directory)
  return openMachine(directory)
}

const preparation = (password: string, more: Sh): Sh => sh`{
set -e
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
printf 'root:%s\n' ${password} | chpasswd
ssh-keygen -q -A
${more}
} </dev/null`

function ownFiles({ network, numbers, hostname, resolver }: MachinePlan): Readonly<Record<string, string>> {
  const way = gateway(network)
  const all = numbers.map((n) => address(network, n))
  return {
    '/etc/machine-id': `${randomBytes(16).toString('hex')}\n`,
    '/etc/hostname': `${hostname}\n`,
    '/etc/hosts': `127.0.0.1 localhost\n127.0.1.1 ${hostname} ${hostname.split('.')[0]}\n::1 localhost ip6-localhost ip6-loopback\n`,
    '/etc/resolv.conf': `nameserver ${resolver}\n`,
    // Without IPv6AcceptRA=no, network-online.target comes 13 s late; without DuplicateAddressDetection=none, IPv6 does.
    '/etc/systemd/network/10-eth0.network': [
      '[Match]\nName=eth0\n',
      `[Network]\nGateway=${way.v4}\nGateway=${way.v6}\nIPv6AcceptRA=no\nLLMNR=no\nMulticastDNS=no\n`,
      ...all.map(({ v4 }) => `[Address]\nAddress=${v4}/25\n`),
      ...all.map(({ v6 }) => `[Address]\nAddress=${v6}/64\nDuplicateAddressDetection=none\n`),
    ].join('\n'),
  }
}
