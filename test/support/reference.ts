import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { type Context, server as playbooks } from '../../playbooks/index.ts'
import type { Playbook } from '../../src/engine/step.ts'
import { Server } from '../../src/inventory/inventory.ts'
import { secretTag } from '../../src/inventory/yaml.ts'
import type { ArtifactOrigin } from '../../src/kinds/packages/artifact.ts'
import { makeCa, signNode } from '../../src/nebula/sign.ts'
import { Secret } from '../../src/secret.ts'

/** The reference server, as its inventory says, with every secret known. */
export function referenceServer(change: (raw: Record<string, unknown>) => void = () => undefined): Server {
  const raw = parse(readFileSync(new URL('../../inventory/xoyize.xyz.yml', import.meta.url), 'utf8'), {
    customTags: [secretTag],
  }) as Record<string, unknown>
  change(raw)
  return known(Server.parse(raw)) as Server
}

const origin = (name: string): ArtifactOrigin => ({
  version: '1',
  origin: {
    amd64: { text: () => `${name} 1 amd64`, sha256: () => 'a'.repeat(64) },
    arm64: { text: () => `${name} 1 arm64`, sha256: () => 'b'.repeat(64) },
  },
})

/** What playbooks are given besides a server, with invented origins. */
export const referenceContext: Context = {
  prune: true,
  reboot: true,
  origins: { maddy: origin('maddy'), caddy: origin('caddy'), nebula: origin('nebula'), 'acme.sh': origin('acme.sh') },
}

/** All playbooks of a server. */
export const referencePlaybooks = (server: Server): readonly Playbook[] => playbooks(server, referenceContext)

/** What a node of nebula must have: nothing but PEM of one network gets as far as a script. */
export const credentials: ReadonlyMap<string, string> = (() => {
  const [from, to] = [new Date(), new Date(Date.now() + 365 * 86_400_000)]
  const ca = makeCa('test', from, to)
  const node = signNode(ca, { name: 'test', network: '10.19.55.5/24', from })
  return new Map([
    ['nebula/ca', ca.certificate],
    ['nebula/certificate', node.certificate],
    ['nebula/key', node.key],
  ])
})()

/** The same with every secret known. */
export function known(value: unknown, secret: (name: string) => string = (name) => `value of ${name}`): unknown {
  if (value instanceof Secret) return new Secret(value.name, () => credentials.get(value.name) ?? secret(value.name))
  if (Array.isArray(value)) return value.map((one) => known(one, secret))
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, known(one, secret)]))
  return value
}
