import { ProvisionError } from '../errors.ts'
import type { ArtifactName } from './artifacts.ts'

const repositories: Readonly<Record<ArtifactName, string>> = {
  maddy: 'foxcpp/maddy',
  caddy: 'caddyserver/caddy',
  'acme.sh': 'acmesh-official/acme.sh',
  nebula: 'slackhq/nebula',
}

/**
 * The latest release of a program: GitHub leads from `releases/latest` to the one that is not a pre-release. `base` is another
 * place that does the same. Throws ProvisionError when nobody answers, or not so.
 */
export async function latest(name: ArtifactName, base = 'https://github.com'): Promise<string> {
  const url = `${base}/${repositories[name]}/releases/latest`
  const answer = await fetch(url, { method: 'HEAD', redirect: 'manual', signal: AbortSignal.timeout(15_000) }).catch(
    (error: unknown) => {
      const { message, cause } = error as Error
      throw new ProvisionError(name, `${url} cannot be asked: ${cause instanceof Error ? cause.message : message}`)
    },
  )
  const [, version] = /\/releases\/tag\/v?([0-9]+(?:\.[0-9]+)+)$/.exec(answer.headers.get('location') ?? '') ?? []
  if (version === undefined) throw new ProvisionError(name, `${url} answers ${answer.status}, and leads to no release`)
  return version
}

/** Whether the first of two versions is the older one. */
export function older(a: string, b: string): boolean {
  const [x, y] = [a, b].map((version) => version.split('.').map(Number))
  const at = y!.findIndex((part, i) => part !== (x![i] ?? 0))
  return at >= 0 && (x![at] ?? 0) < y![at]!
}
