import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseDocument } from 'yaml'
import type { Step } from '../src/engine/step.ts'
import { readYaml } from '../src/inventory/read.ts'
import type { Server } from '../src/inventory/schema/server.ts'
import { validate } from '../src/inventory/yaml.ts'
import { root } from '../src/util/text.ts'
import { type BenchHost, ssh } from './host.ts'
import { installScript } from './install-script.ts'
import { type Command, pairs, run } from './measure.ts'
import { provision, type Row, row, sources } from './noop.ts'

/** The first install of a host as its provider delivers it, against the script: each on the same disk, packages cached. */
export async function install(host: BenchHost, turns: number, say: (line: string) => void): Promise<readonly Row[]> {
  const what = 'first install: base, access, firewall, fail2ban'
  say(what)
  const inventory = await write(host)
  const ours = provision(host, sources, inventory, '--yes')
  const key = readFileSync(`${host.key}.pub`, 'utf8').trim()
  const theirs: Command = {
    name: 'the script',
    argv: [...ssh(host, 'root'), 'sh', '-s'],
    input: installScript(await steps(inventory), key),
  }
  await host.machine.snapshot('fresh')
  // Once each, so that the packages are in the cache and the secrets in their store.
  const paired = await pairs(ours, theirs, turns, () => host.machine.restore('fresh'))
  await host.machine.restore('fresh')
  await run(theirs)
  const left = await run({ ...provision(host, sources, inventory, '--check', '--json'), expect: 2 })
  const changes = left.stdout.split('\n').filter((line) => line.includes('"event":"change"'))
  return [
    row(what, paired),
    {
      what: `${what}: differences that our check finds after it`,
      ours: '0',
      theirs: String(changes.length),
      ratio: undefined,
      detail: changes,
    },
  ]
}

/** The reference inventory for this host, with the four playbooks that a script can do without certificates and mail. */
async function write(host: BenchHost): Promise<string> {
  const folder = join(host.home, 'install')
  for (const one of ['inventory', 'playbooks']) mkdirSync(join(folder, one), { recursive: true })
  const document = parseDocument(readFileSync(new URL('inventory/xoyize.xyz.yml', root), 'utf8'))
  document.set('address', host.machine.address)
  document.set('address6', host.machine.address6)
  document.setIn(['apt', 'proxy'], host.rehearsal.aptProxy)
  // The script publishes no records either.
  document.setIn(['dns', 'in_plan'], false)
  writeFileSync(join(folder, 'inventory', 'bench.yml'), document.toString())
  const at = new URL('playbooks/', root).href
  writeFileSync(
    join(folder, 'playbooks', 'index.ts'),
    `${['base', 'access', 'firewall', 'fail2ban'].map((name) => `import { ${name} } from '${at}${name}.ts'`).join('\n')}

export const server = (s, { prune }) => [base(s), access({ ...s, stampKey: s.stamp_key, prune }), firewall(s), fail2ban(s)]
`,
  )
  return join(folder, 'inventory')
}

async function steps(inventory: string): Promise<readonly Step[]> {
  const file = join(inventory, 'bench.yml')
  const parsed: Server = validate(file, readYaml(file, readFileSync(file, 'utf8')))
  const made = (await import(join(inventory, '..', 'playbooks', 'index.ts'))) as {
    server(s: Server, context: { prune: boolean }): readonly { readonly steps: readonly Step[] }[]
  }
  return made.server(parsed, { prune: false }).flatMap((playbook) => playbook.steps)
}
