import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Things } from './things.ts'

/** The user who logs in, with our tool and with all others. */
export const admin = 'bencher'

/**
 * An inventory named `bench` and a playbook of one's own beside it, as a user writes them; `kinds` is where our sources or the
 * installed package are. Returns the folder that `--inventory` takes.
 */
export function writeBench(
  folder: string,
  list: Things,
  address: string,
  kinds: { readonly url: string; readonly ext: 'ts' | 'js' },
): string {
  for (const one of ['inventory', 'playbooks']) mkdirSync(join(folder, one), { recursive: true })
  writeFileSync(join(folder, 'inventory', 'bench.yml'), inventoryText(address))
  writeFileSync(join(folder, 'playbooks', 'things.json'), JSON.stringify(list))
  writeFileSync(join(folder, 'playbooks', 'index.ts'), playbookText(kinds))
  return join(folder, 'inventory')
}

const inventoryText = (address: string): string => `version: 1
hostname: bench.example.org
address: ${address}
admin:
  user: ${admin}
ssh:
  port: 22
dns:
  provider: ovh
  in_plan: false
mail:
  hostname: mx1.example.org
  primary: example.org
domains:
  - name: example.org
    accounts:
      - address: someone
`

/** One resource a package, as 160 resources are counted; they are the same on the host as one resource with a list. */
const playbookText = ({
  url,
  ext,
}: {
  readonly url: string
  readonly ext: string
}): string => `import { readFileSync } from 'node:fs'
import { authorizedKeys } from '${url}kinds/access/authorized-keys.${ext}'
import { directory } from '${url}kinds/files/directory.${ext}'
import { file } from '${url}kinds/files/file.${ext}'
import { packages } from '${url}kinds/packages/packages.${ext}'
import { service } from '${url}kinds/system/service.${ext}'
import { ufwRules } from '${url}kinds/network/ufw-rules.${ext}'
import { user } from '${url}kinds/access/user.${ext}'
import { playbook, step } from '${url}engine/step.${ext}'

const list = JSON.parse(readFileSync(new URL('things.json', import.meta.url), 'utf8'))

export const server = () => [
  playbook('bench', [
    step('Install the packages', list.packages.map((name) => packages({ name, installed: [name] }))),
    step('Make the users', list.users.map(({ name }) => user({ name }))),
    step('Let them log in', list.users.map(({ name, key }) => authorizedKeys({ user: name, keys: [key], others: 'remove' }))),
    step('Make the directories', list.directories.map((path) => directory({ path }))),
    step('Write the files', list.files.map(({ path, content }) => file({ path, content }))),
    step('Let them in', list.rules.map((port) => ufwRules({ name: String(port), rules: [{ port, protocol: 'tcp' }], others: 'keep' }))),
    step('Run the services', list.services.map((unit) => service({ unit }))),
  ]),
]
`
