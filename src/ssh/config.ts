import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, isAbsolute, join } from 'node:path'
import { ProvisionError } from '../errors.ts'

/** What ~/.ssh/config says of one host. */
export interface HostConfig {
  /** Where to connect: HostName, else the name that was asked for. */
  readonly hostName: string
  /** The name under which known_hosts keeps it: HostKeyAlias, else hostName. */
  readonly alias: string
  readonly port: number | undefined
  readonly user: string | undefined
  readonly identityFiles: readonly string[]
  /** The hosts to go through, the first one first. */
  readonly jumps: readonly Jump[]
}

/** One host on the way to another: `user@host:port`. */
export interface Jump {
  readonly host: string
  readonly user: string | undefined
  readonly port: number | undefined
}

/** Reads what the config file says of a host. Throws ProvisionError for what we cannot follow: a ProxyCommand, a bad ProxyJump. */
export async function readConfig(file: string, host: string, home: string): Promise<HostConfig> {
  if (!existsSync(file)) return { hostName: host, alias: host, port: undefined, user: undefined, identityFiles: [], jumps: [] }
  const { default: SSHConfig } = await import('ssh-config')
  const text = withIncludes(file, home, 0)
  const said = SSHConfig.parse(text).compute(host, { ignoreCase: true, matchExec: false })
  const all = (name: string): readonly string[] => [said[name] ?? []].flat()
  const one = (name: string): string | undefined => all(name)[0]
  const hostName = (one('hostname') ?? host).replaceAll('%h', host).replaceAll('%%', '%')
  const user = one('user')
  const jumps = parseJumps(file, host, one('proxyjump') ?? 'none')
  const proxy = one('proxycommand') ?? 'none'
  if (jumps.length === 0 && proxy !== 'none')
    throw new ProvisionError(file, `${host} is reached through a ProxyCommand, which is not supported`, 'use ProxyJump instead')
  const port = one('port')
  return {
    hostName,
    alias: one('hostkeyalias') ?? hostName,
    port: port === undefined ? undefined : Number(port),
    user,
    identityFiles: all('identityfile')
      .filter((path) => path !== 'none')
      .map((path) => expand(path, home, hostName, user)),
    jumps,
  }
}

/** `a@b:22,c` as the hosts to go through. */
export function parseJumps(file: string, host: string, text: string): readonly Jump[] {
  if (text.toLowerCase() === 'none') return []
  return text.split(',').map((jump) => {
    const found = /^(?:ssh:\/\/)?(?:([^@]+)@)?(?:\[([^\]]+)\]|([^:/]+))(?::(\d+))?\/?$/.exec(jump.trim())
    if (found === null) throw new ProvisionError(file, `ProxyJump ${text} of ${host} cannot be read`, 'it is user@host:port')
    const [, user, v6, name, port] = found
    return { host: v6 ?? name!, user, port: port === undefined ? undefined : Number(port) }
  })
}

function expand(path: string, home: string, host: string, user: string | undefined): string {
  const tokens: Readonly<Record<string, string>> = { '%d': home, '%h': host, '%r': user ?? '', '%%': '%' }
  return path.replace(/^~(?=\/|$)/, home).replace(/%[dhr%]/g, (token) => tokens[token]!)
}

/** The text of a config file with its Include lines replaced by what they name. OpenSSH stops at a depth of 16. */
function withIncludes(file: string, home: string, depth: number): string {
  if (depth > 16) return ''
  return readFileSync(file, 'utf8').replace(/^[ \t]*Include[ \t=]+(.+)$/gim, (_, paths: string) =>
    paths
      .trim()
      .split(/\s+/)
      .map((path) => path.replace(/^"(.*)"$/, '$1').replace(/^~(?=\/)/, home))
      .flatMap((path) => glob(isAbsolute(path) ? path : join(home, '.ssh', path)))
      .map((path) => withIncludes(path, home, depth + 1))
      .join('\n'),
  )
}

/** The files that a path names, whose last part may hold `*`. */
function glob(path: string): readonly string[] {
  if (!path.includes('*')) return existsSync(path) ? [path] : []
  if (!existsSync(dirname(path))) return []
  const pattern = new RegExp(
    `^${basename(path)
      .replace(/[.+^${}()|[\]\\?]/g, '\\$&')
      .replaceAll('*', '.*')}$`,
  )
  const names = readdirSync(dirname(path)).filter((name) => pattern.test(name) && !name.startsWith('.'))
  return names.sort().map((name) => join(dirname(path), name))
}
