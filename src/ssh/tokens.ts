import { hostname, userInfo } from 'node:os'

/** What the tokens of a path in ~/.ssh/config stand for. */
export interface Tokens {
  readonly home: string
  readonly env: NodeJS.ProcessEnv
  /** The host as it was asked for (%n), and where it is (%h). */
  readonly name: string
  readonly host: string
  readonly port: number | undefined
  /** The remote user. */
  readonly user: string | undefined
}

/** A path of IdentityFile or IdentityAgent as OpenSSH 9.2 expands it: a leading ~, ${VARIABLE}, and the tokens of ssh_config(5). */
export function expand(path: string, { home, env, name, host, port, user }: Tokens): string {
  const local = userInfo()
  const tokens: Readonly<Record<string, string>> = {
    '%%': '%',
    '%d': home,
    '%h': host,
    '%i': String(local.uid),
    '%k': host,
    '%L': hostname().split('.')[0]!,
    '%l': hostname(),
    '%n': name,
    '%p': String(port ?? 22),
    '%r': user ?? local.username,
    '%u': local.username,
  }
  return path
    .replace(/^~(?=\/|$)/, home)
    .replace(/\$\{(\w+)\}/g, (all, variable: string) => env[variable] ?? all)
    .replace(/%[a-zA-Z%]/g, (token) => tokens[token] ?? token)
}
