import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ProvisionError } from '../../errors.ts'
import { type Sh, sh } from '../../sh.ts'
import { local, mustRun as mustHere, until } from '../local.ts'
import { cutOff, isUp } from './container.ts'
import type { Machine } from './machine.ts'
import type { MachineState } from './machine-state.ts'
import { bootVm } from './vm.ts'
import { runOverConsole } from './vm-console.ts'
import { vmFiles } from './vm-disk.ts'

/** Fifteen times as slow as a container where the processor is emulated. */
const limits = { run: 1_200_000, boot: 600_000, shutdown: 300_000, answer: 20_000 } as const

/** The virtual machine that lives in a directory: as a container is, with a kernel of its own. */
export function openVirtualMachine(directory: string, state: MachineState & { readonly vm: string }): Machine {
  const { name, address, rootPassword } = state
  const files = vmFiles(directory)
  const container = { directory, name: state.container, binds: [] }
  const up = () => isUp(container)
  const log = () => (existsSync(join(directory, 'console.log')) ? readFileSync(join(directory, 'console.log'), 'utf8') : '')
  const waitFor = (what: string, limit: number) => ({ where: name, what, limit, evidence: log })

  const run = (script: Sh) => {
    if (!up()) throw new ProvisionError(name, 'it does not run', 'start it first')
    return runOverConsole(files.console, script, limits.run)
  }
  const must = async (script: Sh): Promise<string> => {
    const { code, stdout, stderr } = await run(script)
    if (code !== 0) throw new ProvisionError(name, `${script.shown.trim()} failed with exit code ${code}: ${stderr || stdout}`)
    return stdout
  }
  /** The id of the boot, once it is complete. */
  const booted = async (): Promise<string | undefined> => {
    const script = sh`systemctl is-system-running; cat /proc/sys/kernel/random/boot_id`
    const said = await runOverConsole(files.console, script, limits.answer).catch(() => undefined)
    return /^(?:running|degraded)\n(\S+)/.exec(said?.stdout ?? '')?.[1]
  }
  const start = async () => {
    if (!up()) await bootVm({ directory, network: state.vm })
    await until(waitFor('the end of its boot', limits.boot), booted)
  }
  const stop = async () => {
    if (up()) await run(soon('poweroff'))
    await until(waitFor('its shutdown', limits.shutdown), () => (up() ? undefined : true))
  }
  const snapshot = (verb: '-c' | '-a', label: string) =>
    mustHere(name, 'its snapshot', local`qemu-img snapshot ${verb} ${label} ${files.disk}`)

  return {
    name,
    address: address.v4,
    address6: address.v6,
    rootPassword,
    root: join(directory, 'seen'),
    run: async (script) => run(script),
    must,
    start,
    stop,
    kill: () => cutOff(container),
    running: up,
    reboot: async () => {
      const before = await until(waitFor('its boot', limits.boot), booted)
      await run(soon('reboot'))
      const again = async () => {
        const now = await booted()
        return now === before ? undefined : now
      }
      await until(waitFor('its new boot', limits.boot), again)
    },
    snapshot: async (label) => {
      const wasUp = up()
      await stop()
      await snapshot('-c', label)
      if (wasUp) await start()
    },
    restore: async (label) => {
      await cutOff(container)
      await snapshot('-a', label)
      await start()
    },
    hostKeys: async () => {
      const listed = await must(sh`for key in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf "$key"; done`)
      return [...listed.matchAll(/ (SHA256:\S+) /g)].map(([, fingerprint]) => fingerprint!)
    },
    console: log,
  }
}

/** A second from now, so that the console can still answer. */
const soon = (verb: 'poweroff' | 'reboot'): Sh =>
  sh`systemd-run -q --on-active=1 --timer-property=AccuracySec=100ms systemctl ${verb}`
