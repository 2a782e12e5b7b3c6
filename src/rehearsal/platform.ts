import { spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { ProvisionError } from '../errors.ts'
import { environment, local, mustRun } from './local.ts'
import { emulator } from './machine/vm.ts'

/** The programs that a rehearsal runs on this machine, and the Debian package of each. */
const programs: Readonly<Record<string, string>> = {
  'systemd-nspawn': 'systemd-container',
  mmdebstrap: 'mmdebstrap',
  ip: 'iproute2',
  nft: 'nftables',
  mount: 'mount',
  nsenter: 'util-linux',
  flock: 'util-linux',
}

const elsewhere = 'run it in a Debian 12 virtual machine, or give provision a real host: provision --host ADDRESS'

/**
 * Sees to it that this machine can rehearse: Linux, root, and the programs, which are installed when they are missing.
 * Throws ProvisionError where it cannot.
 */
export async function preparePlatform(onProgress: (text: string) => void): Promise<void> {
  if (process.platform !== 'linux')
    throw new ProvisionError('rehearse', `containers need Linux, and this is ${process.platform}`, elsewhere)
  if (process.getuid?.() !== 0)
    throw new ProvisionError(
      'rehearse',
      'a rehearsal makes containers, mounts and network links, which only root may',
      'run it with sudo -E',
    )
  makeRoom()
  if ((await local`command -v apt-get`).exitCode !== 0)
    throw new ProvisionError('rehearse', 'it is built from Debian packages, and this machine has no apt-get', elsewhere)
  const absent = await local`for name in ${Object.keys(programs)}; do command -v "$name" >/dev/null || echo "$name"; done`
  const missing = [...new Set([...absent.stdout.matchAll(/\S+/g)].map(([name]) => programs[name]!))]
  if (!existsSync('/usr/share/keyrings/debian-archive-keyring.gpg')) missing.push('debian-archive-keyring')
  await install(missing, onProgress)
}

/** The same for what runs virtual machines. */
export async function prepareEmulator(onProgress: (text: string) => void): Promise<void> {
  const { program, packages } = emulator()
  if ((await local`command -v ${program}`).exitCode !== 0) await install(packages, onProgress)
}

async function install(missing: readonly string[], onProgress: (text: string) => void): Promise<void> {
  if (missing.length === 0) return
  onProgress(`installing ${missing.join(', ')} on this machine`)
  const quiet = local({ env: { ...environment, DEBIAN_FRONTEND: 'noninteractive' } })
  const attempt = () => quiet`apt-get install -y --no-install-recommends ${missing} </dev/null`
  if ((await attempt()).exitCode === 0) return
  await mustRun('rehearse', 'apt-get update', quiet`apt-get update`)
  await mustRun('rehearse', `installing ${missing.join(', ')}`, attempt())
}

/** Sees to it that borg is on this machine. Throws ProvisionError where it cannot be installed. */
export async function installBorg(onProgress: (text: string) => void): Promise<void> {
  if ((await local`command -v borg`).exitCode === 0) return
  onProgress('installing borgbackup on this machine')
  const quiet = local({ env: { ...environment, DEBIAN_FRONTEND: 'noninteractive' } })
  const install = () => quiet`apt-get install -y --no-install-recommends borgbackup openssh-client </dev/null`
  if ((await install()).exitCode === 0) return
  await mustRun('borg', 'apt-get update', quiet`apt-get update`)
  await mustRun('borg', 'installing borgbackup', install())
}

/** The daemons of a container take some ten of root's inotify instances: a kernel's 128 are enough for a dozen, and the next does not boot. */
function makeRoom(): void {
  const file = '/proc/sys/fs/inotify/max_user_instances'
  if (Number(readFileSync(file, 'utf8')) < 1024) writeFileSync(file, '1024\n')
}

/**
 * Where we are not root, runs this same command once more through sudo and answers its exit code; undefined where we are.
 * What it makes below the home directory is root's then, as containers must be.
 */
export async function againAsRoot(): Promise<number | undefined> {
  if (process.platform !== 'linux' || process.getuid?.() === 0 || (await local`command -v sudo`).exitCode !== 0) return undefined
  const keep = '--preserve-env=HOME,PATH,XDG_CACHE_HOME,XDG_STATE_HOME,XDG_CONFIG_HOME,SSH_AUTH_SOCK,NO_COLOR'
  const child = spawn('sudo', [keep, process.execPath, ...process.execArgv, ...process.argv.slice(1)], { stdio: 'inherit' })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code) => resolve(code ?? 1))
  })
}
