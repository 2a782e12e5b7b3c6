import { createHash } from 'node:crypto'

/** What a synthetic server has: the same list goes to every tool that is measured. */
export interface Things {
  readonly files: readonly { readonly path: `/${string}`; readonly content: string }[]
  readonly packages: readonly string[]
  readonly services: readonly `${string}.service`[]
  readonly users: readonly { readonly name: string; readonly key: string }[]
  readonly rules: readonly number[]
  readonly directories: readonly `/${string}`[]
}

/** Made-up names and contents: 160 resources, or a multiple of them. The packages are made by `dummies`. */
export function things(times: number): Things {
  const list = <T>(count: number, make: (i: number) => T): readonly T[] =>
    Array.from({ length: count * times }, (_, i) => make(i))
  const services = list(10, (i) => `bench-${i}.service` as const)
  const directories = list(26, (i) => `/etc/bench/d${i}` as const)
  return {
    directories,
    services,
    files: [
      ...services.map((unit) => ({ path: `/etc/systemd/system/${unit}` as const, content: unitOf(unit) })),
      ...list(50, (i) => ({ path: `${directories[i % directories.length]!}/f${i}.conf` as const, content: textOf(i) })),
    ],
    packages: list(40, (i) => `bench-package-${i}`),
    users: list(8, (i) => ({ name: `bench${i}`, key: keyOf(`bench${i}`) })),
    rules: list(8, (i) => 20_000 + i),
  }
}

/** How many resources they are: one each, and a user and its keys are two. */
export const count = ({ files, packages, services, users, rules, directories }: Things): number =>
  files.length + packages.length + services.length + 2 * users.length + rules.length + directories.length

const unitOf = (unit: string): string =>
  `[Unit]\nDescription=${unit}\n\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n\n[Install]\nWantedBy=multi-user.target\n`

const textOf = (i: number): string => `# Written by the bench.\n${`option-${i} = ${'x'.repeat(i % 40)}\n`.repeat(20)}`

/** A public key that belongs to nobody. */
function keyOf(name: string): string {
  const head = Buffer.from([0, 0, 0, 11, ...Buffer.from('ssh-ed25519'), 0, 0, 0, 32])
  const blob = Buffer.concat([head, createHash('sha256').update(name).digest()])
  return `ssh-ed25519 ${blob.toString('base64')} ${name}`
}
