import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Output } from '../../engine/shell.ts'
import { ProvisionError } from '../../errors.ts'
import { type Sh, sh } from '../../sh.ts'
import { local, until } from '../local.ts'
import { bootContainer, type Container, cutOff, initOf, isUp, shutDown, waitFor } from './container.ts'
import type { Machine } from './machine.ts'
import { readState, writeState } from './machine-state.ts'
import { openVirtualMachine } from './vm-machine.ts'

/** The machine that lives in a directory. */
export function openMachine(directory: string): Machine {
  const state = readState(directory)
  const { vm } = state
  if (vm !== undefined) return openVirtualMachine(directory, { ...state, vm })
  const { name, address, rootPassword } = state
  const container: Container = { directory, name: state.container, binds: state.binds }
  const up = () => isUp(container)

  const run = async (script: Sh): Promise<Output> => {
    const init = initOf(container)
    if (init === undefined) throw new ProvisionError(name, 'it does not run', 'start it first')
    const environment = [
      '-i',
      'HOME=/root',
      'LC_ALL=C.UTF-8',
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    ]
    const { exitCode, stdout, stderr } = await local({
      input: script.text,
    })`nsenter --all --target ${init} env ${environment} sh -s`
    return { code: exitCode ?? 1, stdout, stderr }
  }
  const must = async (script: Sh): Promise<string> => {
    const { code, stdout, stderr } = await run(script)
    if (code !== 0) throw new ProvisionError(name, `${script.shown.trim()} failed with exit code ${code}: ${stderr || stdout}`)
    return stdout
  }
  const booted = async () =>
    initOf(container) !== undefined && /^(running|degraded)$/m.test((await run(sh`systemctl is-system-running`)).stdout)
      ? true
      : undefined

  const start = async () => {
    if (!up()) await bootContainer(container, readState(directory).layers)
    await until(waitFor(container, 'the end of its boot', 60_000), booted)
  }
  const restart = (wasUp: boolean) => (wasUp ? start() : Promise.resolve())

  return {
    name,
    address: address.v4,
    address6: address.v6,
    rootPassword,
    root: join(directory, 'root'),
    run,
    must,
    start,
    stop: () => shutDown(container),
    kill: () => cutOff(container),
    running: up,

    // What runs inside while it shuts down is stopped with all else there, and nsenter then stops itself, for ever: so the
    // new boot is seen from outside.
    reboot: async () => {
      const before = initOf(container)
      await run(sh`systemctl --no-block reboot`)
      const again = () => (initOf(container) === before || initOf(container) === undefined ? undefined : booted())
      await until(waitFor(container, 'its new boot', 90_000), again)
    },

    snapshot: async (label) => {
      const wasUp = up()
      await shutDown(container)
      const { layers, snapshots, ...rest } = readState(directory)
      const layer = join(directory, `layer-${layers.length}-${Date.now().toString(36)}`)
      renameSync(join(directory, 'upper'), layer)
      const stacked = [layer, ...layers]
      writeState(directory, { ...rest, layers: stacked, snapshots: { ...snapshots, [label]: stacked } })
      await restart(wasUp)
    },

    restore: async (label) => {
      const { snapshots, ...rest } = readState(directory)
      const layers = snapshots[label]
      if (layers === undefined) throw new ProvisionError(name, `it has no snapshot “${label}”`)
      await cutOff(container)
      rmSync(join(directory, 'upper'), { recursive: true, force: true })
      writeState(directory, { ...rest, snapshots, layers })
      await start()
    },

    hostKeys: async () => {
      const listed = await must(sh`for key in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf "$key"; done`)
      return [...listed.matchAll(/ (SHA256:\S+) /g)].map(([, fingerprint]) => fingerprint!)
    },

    console: () => (existsSync(join(directory, 'console.log')) ? readFileSync(join(directory, 'console.log'), 'utf8') : ''),
  }
}
