import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { basename, dirname, isAbsolute, join } from 'node:path'
import { ProvisionError } from '../errors.ts'
import { expand, type Tokens } from './tokens.ts'

/** What ~/.ssh/config says of one host. */
export interface HostConfig {
  /** Where to connect: HostName, else the name that was asked for. */
  readonly hostName: string
  /** The name under which known_hosts keeps it: HostKeyAlias, else hostName. */
  readonly alias: string
  readonly port: number | undefined
  readonly user: string | undefined
  readonly identityFiles: readonly string[]
  /** The socket of the agent; `none` for no agent at all, nothing for that of SSH_AUTH_SOCK. */
  readonly identityAgent: string | undefined
  /** IdentitiesOnly: of the agent's keys only those of the files. */
  readonly identitiesOnly: boolean
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
export async function readConfig(file: string, host: string, env: NodeJS.ProcessEnv): Promise<HostConfig> {
  if (!existsSync(file)) return { ...nothingSaid, hostName: host, alias: host }
  const home = homeOf(env)
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
  const port = one('port') === undefined ? undefined : Number(one('port'))
  const tokens: Tokens = { home, env, name: host, host: hostName, port, user }
  return {
    hostName,
    alias: one('hostkeyalias') ?? hostName,
    port,
    user,
    identityFiles: all('identityfile')
      .filter((path) => path !== 'none')
      .map((path) => expand(path, tokens)),
    identityAgent: agentSaid(one('identityagent'), tokens),
    identitiesOnly: one('identitiesonly')?.toLowerCase() === 'yes',
    jumps,
  }
}

const nothingSaid = {
  port: undefined,
  user: undefined,
  identityFiles: [],
  identityAgent: undefined,
  identitiesOnly: false,
  jumps: [],
}

/** IdentityAgent of ssh_config(5): `SSH_AUTH_SOCK`, `none`, `$VARIABLE`, or a path. */
function agentSaid(said: string | undefined, tokens: Tokens): string | undefined {
  if (said === undefined || said === 'SSH_AUTH_SOCK') return undefined
  if (said.toLowerCase() === 'none') return 'none'
  const variable = /^\$(\w+)$/.exec(said)?.[1]
  return variable === undefined ? expand(said, tokens) : tokens.env[variable]
}

/** The home folder that ssh uses. */
export const homeOf = (env: NodeJS.ProcessEnv): string => env.HOME ?? userInfo().homedir

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
