import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join, resolve } from 'node:path'
import { ProvisionError } from '../../errors.ts'
import { inventoryFolder, listInventories, type Server } from '../../inventory/inventory.ts'
import { NetworkField } from '../../inventory/schema/networks.ts'
import { readYaml, validate } from '../../inventory/yaml.ts'
import { secretsIn } from '../../secret.ts'
import type { Io } from '../../session/io.ts'
import { back } from '../../ui/converse.ts'
import { nextCommand } from '../../ui/next-command.ts'
import { prose } from '../../ui/wrap.ts'
import { setting } from '../../util/environment.ts'
import { createFile } from '../../util/replace.ts'
import { near } from './change.ts'
import { openDraft } from './draft.ts'
import { inventoryText, newServer } from './init-file.ts'
import { initTopics } from './init-questions.ts'
import { interview, sayKept } from './interview.ts'

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
  const names = existsSync(dir) ? await listInventories(dir) : []
  const topics = initTopics({
    given,
    user: userInfo().username,
    from: cameFrom(setting('SSH_CONNECTION')),
    taken: (name) => given === undefined && names.includes(name),
  })
  const again = nextCommand(given === undefined ? ['init'] : ['init', given], { inventory })
  const draft = await openDraft('init', resolve(dir), given ?? '')
  const made = await interview(topics, {}, { draft, again }, io, async (answers, ask) => {
    const name = given !== undefined && !given.includes(':') ? given : answers.hostname!
    const file = join(dir, `${name}.yml`)
    await refuseTaken(dir, name)
    const text = inventoryText(newServer(answers))
    const server = validate(file, readYaml(file, text))
    io.report.diff(['', ...text.trimEnd().split('\n'), ''])
    const agreed = await ask(`Write this to ${near(file)}?`)
    return agreed === back ? back : { agreed, name, file, text, server }
  })
  if (!made.agreed) {
    io.report.say('nothing was written')
    sayKept(draft, again, io)
    return undefined
  }
  await mkdir(dir, { recursive: true })
  await createFile(made.file, made.text, 0o644)
  await draft.forget()
  io.report.say(`wrote ${near(made.file)}`)
  for (const line of nextSteps(made.server, made.name, inventory)) io.report.say(line)
  return made.name
}

/** `provision init [X]`. Returns the exit code: 1 when the operator says no. */
export async function init(options: InitOptions, io: Io, given?: string): Promise<number> {
  return (await makeInventory(options, io, given)) === undefined ? 1 : 0
}

/** Throws ProvisionError for a name that cannot be a file's, or that an inventory goes by already. */
async function refuseTaken(dir: string, name: string): Promise<void> {
  if (!/^[A-Za-z0-9][A-Za-z0-9.:_-]{0,200}$/.test(name) || ['example', 'artifacts.lock'].includes(name))
    throw new ProvisionError(name, 'is not a valid name for an inventory', 'use the host name or the address')
  if (!existsSync(dir)) return
  const there = (await listInventories(dir)).includes(name)
  if (there || existsSync(join(dir, `${name}.yml`)))
    throw new ProvisionError(join(dir, `${name}.yml`), 'exists already', 'edit it, or give a different name')
}

/** The address that the operator's own login here comes from, when there is one. */
function cameFrom(connection: string | undefined): string | undefined {
  const address = connection?.split(' ')[0] ?? ''
  return NetworkField.safeParse(address).success ? address : undefined
}

/** What the operator does next, each command as it can be pasted. */
function nextSteps(server: Server, host: string, inventory: string | undefined): readonly string[] {
  const command = (...words: readonly string[]) => `  ${nextCommand(words, { host, inventory })}`
  const toGive = secretsIn(server).filter(({ madeAs }) => madeAs === undefined)
  const { dns } = server
  const toPublish = new Set(dns.provider === 'ovh' ? secretsIn(dns.publish).map((secret) => secret.name) : [])
  const [forHost, forYou] = [toGive.filter(({ name }) => !toPublish.has(name)), toGive.filter(({ name }) => toPublish.has(name))]
  const sets = (secrets: typeof toGive) => secrets.map(({ name }) => command('secrets', 'set', name))
  return [
    ...(forHost.length === 0 ? [] : ['next, the secrets that only you can give:', ...sets(forHost)]),
    ...(forYou.length === 0 ? [] : ['and yours, with which this machine publishes records (“dns publish”):', ...sets(forYou)]),
    ...(dns.provider === 'manual'
      ? [
          prose(
            `next, with dns.provider: manual, publish the records yourself; those of ${server.mail.hostname} before the install, because the CA checks them:`,
          ),
          command('dns', 'records', '--offline'),
        ]
      : []),
    'then the plan, which writes nothing on the host, and the installation:',
    command('--check'),
    command(),
  ]
}
