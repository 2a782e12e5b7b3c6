import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LoginOptions } from '../../src/ssh/ssh.ts'

/** A real sshd on loopback, in a mount namespace of its own: with its own users, passwords, sudoers, homes, /run and /var/lib. */
export interface TestHost {
  readonly address: string
  /** Where sshd listens; the second one is for a login at another port. */
  readonly ports: readonly [number, number]
  /** A folder of the test, gone with the host; `home` in it is the operator's. */
  readonly dir: string
  readonly home: string
  readonly knownHosts: string
  /** Private keys: `operator` is let in, `stranger` is not. */
  readonly operator: string
  readonly stranger: string
  /** The declared key: the operator's. */
  readonly publicKey: string
  readonly rootPassword: string
  readonly userPassword: string
  /** The host's ed25519 fingerprint. */
  readonly hostKey: string
  /** What is known of the host from the start is its key, on the first port. Everything may be given otherwise. */
  options(more?: Partial<LoginOptions>): LoginOptions
  /** What the host said in its log. */
  log(): string
  /** Runs sh inside the host, past SSH. */
  inside(script: string): string
  stop(): Promise<void>
}

/** How a test wants its host. */
export interface TestHostSettings {
  /** More lines of sshd_config. */
  readonly config?: string
  /** The line of sudoers for xouser; without one sudo asks for nothing. */
  readonly sudoers?: string
  /** The login shell of xouser. */
  readonly shell?: string
  /** What xouser's .bashrc and .zshenv say. */
  readonly rc?: string
  /**
   * How root logs in; xouser does with the operator's key. `sent away`: with that key, and a command in place of a shell that names
   * xouser, which is what cloud-init makes of it; `nobody`: with the key, and no command at all runs.
   */
  readonly root?: 'key' | 'password only' | 'sent away' | 'nobody'
}

/** Why no such host can be started here; nothing when it can. */
export function whyNoSshd(): string | false {
  if (process.getuid?.() !== 0) return 'needs root, for a mount namespace'
  for (const [program, of] of [
    ['/usr/sbin/sshd', 'openssh-server'],
    ['/usr/bin/sudo', 'sudo'],
    ['/usr/bin/flock', 'util-linux'],
  ])
    if (!existsSync(program!)) {
      try {
        execFileSync('apt-get', ['install', '-y', '--no-install-recommends', of!], { stdio: 'ignore' })
      } catch {
        return `needs ${of}: apt-get install ${of}`
      }
    }
  try {
    execFileSync('unshare', ['-m', 'true'], { stdio: 'ignore' })
    return false
  } catch {
    return 'needs a machine where a mount namespace may be made'
  }
}

const password = { root: 'the mailed one 1!', user: 'x\'user "2"' }

/** What stands before root's key, word for word as cloud-init 22.4 of Debian 12 writes it. */
const rootOptions = {
  key: '',
  'sent away': `no-port-forwarding,no-agent-forwarding,no-X11-forwarding,command="echo 'Please login as the user \\"xouser\\" rather than the user \\"root\\".';echo;sleep 10;exit 142" `,
  nobody: 'command="exit 1" ',
} as const

/** Starts one. It listens when this returns. */
export async function startHost(settings: TestHostSettings = {}): Promise<TestHost> {
  const dir = mkdtempSync(join(tmpdir(), 'provision-sshd-'))
  chmodSync(dir, 0o755)
  const at = (name: string): string => join(dir, name)
  const home = at('home')
  mkdirSync(join(home, '.ssh'), { recursive: true, mode: 0o700 })
  for (const name of ['operator', 'stranger', 'host'])
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', at(name)])
  execFileSync('ssh-keygen', ['-q', '-t', 'ecdsa', '-N', '', '-C', 'host', '-f', at('host-ecdsa')])
  writeFileSync(join(home, '.ssh', 'id_ed25519'), readFileSync(at('operator')), { mode: 0o600 })
  const ports = [await freePort(), await freePort()] as const
  const publicKey = readFileSync(at('operator.pub'), 'utf8').trim()
  const hash = (word: string): string =>
    execFileSync('openssl', ['passwd', '-6', '-stdin'], { input: word, encoding: 'utf8' }).trim()
  mkdirSync(at('keys'))
  writeFileSync(at('keys/xouser'), publicKey)
  const { root = 'key' } = settings
  if (root !== 'password only') writeFileSync(at('keys/root'), `${rootOptions[root]}${publicKey}`)
  writeFileSync(
    at('passwd'),
    `root:x:0:0:root:/root:/bin/bash\nsshd:x:105:65534::/run/sshd:/usr/sbin/nologin\nxouser:x:2001:2001::/home/xouser:${settings.shell ?? '/bin/bash'}\n`,
  )
  writeFileSync(
    at('shadow'),
    `root:${hash(password.root)}:19000:0:99999:7:::\nxouser:${hash(password.user)}:19000:0:99999:7:::\n`,
    { mode: 0o640 },
  )
  writeFileSync(
    at('sudoers'),
    `Defaults env_reset, use_pty\nroot ALL=(ALL:ALL) ALL\n${settings.sudoers ?? 'xouser ALL=(ALL:ALL) NOPASSWD: ALL'}\n`,
  )
  chmodSync(at('sudoers'), 0o440)
  writeFileSync(at('rc'), settings.rc ?? '')
  writeFileSync(
    at('sshd_config'),
    `${ports.map((port) => `Port ${port}`).join('\n')}
ListenAddress 127.0.0.1
HostKey ${at('host')}
HostKey ${at('host-ecdsa')}
AuthorizedKeysFile ${at('keys')}/%u
StrictModes no
UsePAM no
PermitRootLogin yes
PidFile none
LogLevel VERBOSE
MaxStartups 100
${settings.config ?? ''}
`,
  )
  const log = at('log')
  const script = `
mount -t tmpfs tmpfs /run; mount -t tmpfs tmpfs /var/lib; mount -t tmpfs tmpfs /home; mount -t tmpfs tmpfs /root
mkdir -p /run/sshd /home/xouser
cp ${at('rc')} /home/xouser/.bashrc; cp ${at('rc')} /home/xouser/.zshenv; chown -R 2001:2001 /home/xouser
for f in passwd shadow sudoers; do mount --bind ${dir}/$f /etc/$f; done
exec /usr/sbin/sshd -D -f ${at('sshd_config')} -E ${log}`
  const sshd = spawn('unshare', ['-m', '--propagation', 'private', 'sh', '-ec', script], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const gone = new Promise<void>((resolve) => sshd.once('exit', () => resolve()))
  const read = (): string => (existsSync(log) ? readFileSync(log, 'utf8') : '')
  await until(() => ports.every((port) => read().includes(`port ${port}.`)), 'sshd listens')
  const knownHosts = join(home, '.ssh', 'known_hosts')
  writeFileSync(knownHosts, `[127.0.0.1]:${ports[0]} ${readFileSync(at('host.pub'), 'utf8')}`)
  return {
    address: '127.0.0.1',
    ports,
    dir,
    home,
    knownHosts,
    operator: at('operator'),
    stranger: at('stranger'),
    publicKey,
    rootPassword: password.root,
    userPassword: password.user,
    hostKey: execFileSync('ssh-keygen', ['-lf', at('host.pub')], { encoding: 'utf8' }).split(' ')[1]!,
    options: (more = {}) => ({
      address: '127.0.0.1',
      port: ports[0],
      admin: 'xouser',
      sshPort: ports[0],
      keys: [publicKey],
      knownHosts,
      configFile: join(home, '.ssh', 'config'),
      env: { HOME: home },
      log: () => undefined,
      ...more,
    }),
    log: read,
    inside: (text) => execFileSync('nsenter', ['-t', String(sshd.pid), '-m', 'sh', '-s'], { input: text, encoding: 'utf8' }),
    stop: async () => {
      sshd.kill()
      await gone
      rmSync(dir, { recursive: true })
    },
  }
}

/** Waits for a condition. Throws when it has not come within the limit. */
export async function until(condition: () => boolean | Promise<boolean>, what: string, limitMs = 10_000): Promise<void> {
  const end = Date.now() + limitMs
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`waited ${limitMs} ms in vain: ${what}`)
    await sleep(20)
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}
