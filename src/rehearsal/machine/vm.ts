import { createHash } from 'node:crypto'
import { arch } from 'node:os'
import { basename, join } from 'node:path'
import { ProvisionError } from '../../errors.ts'
import { local } from '../local.ts'
import { startDetached } from '../processes.ts'
import { consolePort, vmFiles } from './vm-disk.ts'

/** A virtual machine below a directory of its own: its disk, kernel, console, pid and log. */
export interface VirtualMachine {
  readonly directory: string
  /** The namespace that its network link is in. */
  readonly network: string
}

/** The program that runs them, and the Debian packages of it. Throws ProvisionError on a machine that it was not tried on. */
export function emulator(): { readonly program: string; readonly packages: readonly string[] } {
  if (arch() !== 'x64')
    throw new ProvisionError('rehearse --vm', `was tried on amd64 only, and this is ${arch()}`, 'rehearse without --vm')
  return { program: 'qemu-system-x86_64', packages: ['qemu-system-x86', 'qemu-utils', 'e2fsprogs'] }
}

/** Boots it; does not wait for that. */
export async function bootVm({ directory, network }: VirtualMachine): Promise<void> {
  const { program } = emulator()
  const files = vmFiles(directory)
  const link = basename(directory)
  const append = 'root=/dev/vda rw console=ttyS0 net.ifnames=0 quiet'
  const command = [
    ...['nsenter', `--net=/run/netns/${network}`, program],
    ...['-no-user-config', '-nodefaults', '-display', 'none', '-machine', 'q35', '-m', '1536'],
    ...(await acceleration(program, files.kernel)),
    ...['-kernel', files.kernel, '-initrd', files.initrd, '-append', append],
    // Only this machine's own crash could need what a sync does.
    ...['-drive', `file=${files.disk},if=virtio,cache=unsafe`],
    ...['-netdev', `tap,id=net,ifname=${link},script=no,downscript=no`],
    ...['-device', `virtio-net-pci,netdev=net,mac=${mac(directory)}`],
    ...['-device', 'virtio-rng-pci', '-device', 'virtio-serial-pci'],
    ...['-chardev', `socket,id=console,path=${files.console},server=on,wait=off`],
    ...['-device', `virtserialport,chardev=console,name=${consolePort}`, '-serial', 'stdio'],
  ]
  await startDetached({ pidFile: join(directory, 'container.pid'), log: join(directory, 'console.log'), command })
}

let accelerated: readonly string[] | undefined

/**
 * KVM where it works: in a virtual machine /dev/kvm may be there and fail, or run what a boot sector does and stop within a kernel (seen
 * with cmpxchg16b). So it boots this kernel first, without a root, which ends within a few seconds in a panic and a reboot.
 * Emulated, one processor is enough: two of them wait for one another wherever this machine has other work.
 */
async function acceleration(program: string, kernel: string): Promise<readonly string[]> {
  if (accelerated !== undefined) return accelerated
  const tried =
    await local`test -w /dev/kvm && timeout -k 5 20 ${program} -no-user-config -nodefaults -display none -machine q35 -m 512 \
  -accel kvm -cpu host -smp 2 -no-reboot -kernel ${kernel} -append ${'console=ttyS0 quiet panic=-1'} -serial stdio </dev/null`
  accelerated = tried.exitCode === 0 ? ['-accel', 'kvm', '-cpu', 'host', '-smp', '2'] : ['-accel', 'tcg', '-cpu', 'max']
  return accelerated
}

/** An address of its own, the same at each boot. */
function mac(directory: string): string {
  const digest = createHash('sha256').update(directory).digest('hex')
  return `52:54:00:${digest.slice(0, 2)}:${digest.slice(2, 4)}:${digest.slice(4, 6)}`
}
