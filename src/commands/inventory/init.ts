import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { ProvisionError } from '../../errors.ts'
import { inventoryFolder, listInventories, type Server } from '../../inventory/inventory.ts'
import { NetworkField } from '../../inventory/schema/networks.ts'
import { readYaml, validate } from '../../inventory/yaml.ts'
import { secretsIn } from '../../secret.ts'
import type { Io } from '../../session/io.ts'
import { converse } from '../../ui/converse.ts'
import { setting } from '../../util/environment.ts'
import { createFile } from '../../util/replace.ts'
import { near } from './change.ts'
import { inventoryText, newServer } from './init-file.ts'
import { initTopics } from './init-questions.ts'

/** What `provision init` may be told. */
export interface InitOptions {
  readonly inventory?: string | undefined
}

/** A new inventory, made by questions, shown, and written once it is confirmed. Returns its name; undefined when the answer is no. */
export async function makeInventory({ inventory }: InitOptions, io: Io, given?: string): Promise<string | undefined> {
  if (io.ask === undefined)
    throw new ProvisionError(
      'provision init',
      'there is no terminal to ask on',
      'copy inventory/example.yml, which explains every key',
    )
  const found = inventoryFolder(inventory)
  const dir = found.embedded ? 'inventory' : found.dir
  if (given !== undefined) await refuseTaken(dir, given)
  const { askQuestions } = await import('../../ui/ask.ts')
  const topics = initTopics({ given, user: userInfo().username, from: cameFrom(setting('SSH_CONNECTION')) })
  const answers = await converse(topics, {}, askQuestions(io.report.say))
  const name = given !== undefined && !given.includes(':') ? given : answers.hostname!
  const file = join(dir, `${name}.yml`)
  await refuseTaken(dir, name)
  const text = inventoryText(newServer(answers))
  const server = validate(file, readYaml(file, text))
  io.report.diff(['', ...text.trimEnd().split('\n'), ''])
  if (!(await io.ask.confirm(`Write this to ${near(file)}?`))) {
    io.report.say('nothing was written')
    return undefined
  }
  await mkdir(dir, { recursive: true })
  await createFile(file, text, 0o644)
  io.report.say(`wrote ${near(file)}`)
  for (const line of next(server, name)) io.report.say(line)
  return name
}

/** `provision init [X]`. Returns the exit code: 1 when the operator says no. */
export async function init(options: InitOptions, io: Io, given?: string): Promise<number> {
  return (await makeInventory(options, io, given)) === undefined ? 1 : 0
}

/** Throws ProvisionError for a name that cannot be a file's, or that an inventory goes by already. */
async function refuseTaken(dir: string, name: string): Promise<void> {
  if (!/^[A-Za-z0-9][A-Za-z0-9.:_-]{0,200}$/.test(name) || ['example', 'artifacts.lock'].includes(name))
    throw new ProvisionError(name, 'is no name for an inventory', 'take the host name or the address')
  if (!existsSync(dir)) return
  const there = (await listInventories(dir)).includes(name)
  if (there || existsSync(join(dir, `${name}.yml`)))
    throw new ProvisionError(join(dir, `${name}.yml`), 'is there already', `edit it, or: provision --host ${name}`)
}

/** The address that the operator's own login here comes from, when there is one. */
function cameFrom(connection: string | undefined): string | undefined {
  const address = connection?.split(' ')[0] ?? ''
  return NetworkField.safeParse(address).success ? address : undefined
}

/** What the operator does next. */
function next(server: Server, name: string): readonly string[] {
  const toGive = secretsIn(server).filter(({ madeAs }) => madeAs === undefined)
  const { dns } = server
  const toPublish = new Set(dns.provider === 'ovh' ? secretsIn(dns.publish).map((secret) => secret.name) : [])
  return [
    ...(server.dns.provider === 'manual'
      ? [
          `with dns.provider: manual you paste the records yourself: those of ${server.mail.hostname} before the install, because the CA looks there`,
        ]
      : []),
    'next:',
    ...toGive.map(
      ({ name: secret }) =>
        `  provision secrets set ${secret} --host ${name}${toPublish.has(secret) ? '   (yours, for provision dns publish)' : ''}`,
    ),
    ...(dns.provider === 'manual' ? [`  provision dns records --offline --host ${name}`] : []),
    `  provision --host ${name} --check`,
    `  provision --host ${name}`,
  ]
}
