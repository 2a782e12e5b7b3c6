import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { knownHosts, storageOf } from '../../files/etc/provision/borg.ts'
import { ProvisionError } from '../errors.ts'
import type { Server } from '../inventory/inventory.ts'
import type { Secret } from '../secret.ts'
import { cacheFolder, environmentWith } from '../util/environment.ts'

/** borg on this machine, at the repository of an inventory. */
export interface BorgHere {
  /** What it printed. Throws ProvisionError, with the end of what it said, when it fails. `onLine` hears what it says meanwhile. */
  run(args: readonly string[], onLine?: (line: string) => void): Promise<string>
  /** The same, where what it prints is read by another program, which this starts. */
  into(args: readonly string[], program: string, programArgs: readonly string[]): Promise<void>
  /** Wipes the key from this machine. */
  close(): void
}

/**
 * Opens the repository from here, with this key. Key and pinned host key are in files of our own while it is open, in memory where
 * there is /dev/shm; the passphrase is in no file, no environment and no argument.
 */
export function borgHere({ repository, host_keys, passphrase }: NonNullable<Server['backup']>, key: Secret): BorgHere {
  const dir = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'provision-'))
  const cache = cacheFolder('borg')
  mkdirSync(cache, { recursive: true, mode: 0o700 })
  writeFileSync(join(dir, 'key'), key.reveal(), { mode: 0o600 })
  writeFileSync(join(dir, 'known_hosts'), knownHosts(repository, host_keys), { mode: 0o600 })
  const { host, port } = storageOf(repository)
  const ssh = [
    ...['IdentitiesOnly=yes', 'BatchMode=yes', 'StrictHostKeyChecking=yes', `UserKnownHostsFile=${join(dir, 'known_hosts')}`],
    ...['GlobalKnownHostsFile=/dev/null', 'ConnectTimeout=30', 'ServerAliveInterval=30', 'ServerAliveCountMax=4'],
  ]
  const env = {
    ...environmentWith(),
    LC_ALL: 'C.UTF-8',
    BORG_REPO: repository,
    BORG_BASE_DIR: cache,
    BORG_PASSPHRASE_FD: '3',
    BORG_RSH: ['ssh', '-i', join(dir, 'key'), ...ssh.flatMap((option) => ['-o', option])].join(' '),
  }

  const start = (args: readonly string[]) => {
    const child = spawn('borg', ['--lock-wait', '60', ...args], { env, stdio: ['ignore', 'pipe', 'pipe', 'pipe'] })
    const [, , , secret] = child.stdio
    if (secret !== null && secret !== undefined && 'end' in secret) {
      secret.on('error', () => undefined)
      secret.end(`${passphrase.reveal()}\n`)
    }
    return child
  }
  const ended = async (child: ReturnType<typeof start>, args: readonly string[], onLine: (line: string) => void) => {
    const said: string[] = []
    createInterface({ input: child.stderr! }).on('line', (line) => {
      said.push(line)
      onLine(line)
    })
    child.on('error', (error) => said.push(error.message))
    const [code] = (await once(child, 'close').catch(() => [127])) as [number | null]
    if (code === 0 || code === 1) return
    const hint =
      code === 127 || /ENOENT/.test(said.join())
        ? 'install borg on this machine: apt-get install borgbackup'
        : /passphrase .* is incorrect/.test(said.join())
          ? `what it was before: provision secrets show ${passphrase.name} --previous`
          : undefined
    throw new ProvisionError(`borg ${args[0]} at ${host}:${port}`, said.slice(-6).join('\n').trim() || `ended with ${code}`, hint)
  }

  return {
    run: async (args, onLine = () => undefined) => {
      const child = start(args)
      const chunks: Buffer[] = []
      child.stdout!.on('data', (chunk: Buffer) => chunks.push(chunk))
      await ended(child, args, onLine)
      return Buffer.concat(chunks).toString()
    },
    into: async (args, program, programArgs) => {
      const child = start(args)
      const reader = spawn(program, programArgs, { stdio: [child.stdout!, 'ignore', 'pipe'] })
      const words: Buffer[] = []
      reader.stderr!.on('data', (chunk: Buffer) => words.push(chunk))
      const read = once(reader, 'close') as Promise<[number | null]>
      // Ours is a copy: with it open, borg would never hear that nobody reads any more.
      child.stdout!.destroy()
      const [borg, [code]] = await Promise.all([ended(child, args, () => undefined).catch((error: unknown) => error), read])
      if (borg instanceof Error) throw borg
      if (code !== 0)
        throw new ProvisionError(program, `failed with exit code ${code}: ${Buffer.concat(words).toString().trim()}`)
    },
    close: () => rmSync(dir, { recursive: true, force: true }),
  }
}
