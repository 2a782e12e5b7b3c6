import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { ProvisionError } from '../../errors.ts'
import { readAnswers } from '../../inventory/edit/answers.ts'
import { addDomain, removeDomain } from '../../inventory/edit/edit.ts'
import type { Inventory } from '../../inventory/load.ts'
import { DomainShape } from '../../inventory/schema/mail.ts'
import type { Io } from '../../session/io.ts'
import { type Answers, back, converse, type Topic } from '../../ui/converse.ts'
import { question } from '../../ui/fields.ts'
import { nextCommand } from '../../ui/next-command.ts'
import { canPublish } from '../dns/dns-wanted.ts'
import { type ChangeOptions, changeInventory, near, proposeChange, type Writable, writable } from '../inventory/change.ts'
import { openDraft } from '../inventory/draft.ts'
import { interview, sayKept } from '../inventory/interview.ts'
import { domainOf, domainTopics, type NewDomain } from './domain-questions.ts'

/** What `provision domain add` may be told besides: answers to its questions, or a file with all of them. */
export interface DomainOptions extends ChangeOptions {
  readonly answers?: string | undefined
  readonly accounts?: string | undefined
  readonly catchAll?: string | undefined
  /** `here`, `bare`, or the addresses of the host where it is. */
  readonly web?: string | undefined
  readonly dmarc?: string | undefined
  readonly mtaSts?: string | undefined
}

/** What a domain is made of on the host. */
const concerns = ['maddy', 'caddy']

/** One more domain, by questions, flags or a file of answers. Returns the exit code. */
export async function domainAdd(options: DomainOptions, io: Io, name?: string): Promise<number> {
  const found = await writable(options, io)
  if (name !== undefined && options.apply && found.inventory.server.domains.some((domain) => domain.name === name)) {
    io.report.say(`${name} is in ${near(found.inventory.file)} already: continuing with it`)
    return (await import('./domain-goes-on.ts')).goOn(name, options, io, found.inventory)
  }
  const { goOn } = await import('./domain-goes-on.ts')
  const publishes = options.apply && (await canPublish(found.inventory))
  const change = ({ domain, site }: NewDomain, written?: () => Promise<void>) => {
    const then = options.apply ? (inventory: Inventory) => goOn(domain.name, options, io, inventory) : undefined
    return [found, addDomain(domain, { site }), { concerns, publishes, written, then }, options, io] as const
  }
  if (options.answers !== undefined) return changeInventory(...change(await fromFile(options.answers, name)))
  const topics = topicsOf(found)
  if (options.yes || io.ask === undefined)
    return changeInventory(...change(await converse(topics, given(options, name), undefined, async (all) => domainOf(all))))
  const again = nextCommand(['domain', 'add', ...(name === undefined ? [] : [name])], options)
  const draft = await openDraft('domain add', resolve(found.inventory.file), name ?? '')
  const made = await interview(topics, given(options, name), { draft, again }, io, async (answers, ask) => {
    const proposed = await proposeChange(...change(domainOf(answers), draft.forget))
    const agreed = await ask(proposed.question)
    return agreed === back ? back : { ...proposed, agreed }
  })
  if (made.agreed) return made.carryOut()
  io.report.say('nothing was written')
  sayKept(draft, again, io)
  return 1
}

/** What `provision domain remove` may be told besides. */
export interface RemoveOptions extends ChangeOptions {
  /** Its records stay in the zones, and are printed. */
  readonly keepRecords?: boolean | undefined
}

/**
 * A domain goes: our records of it from the zones, then the domain from the inventory, with the site of its name. What stands in the
 * zones by another hand stays. Stopped anywhere, the same command goes on. Returns the exit code.
 */
export async function domainRemove(options: RemoveOptions, io: Io, name: string): Promise<number> {
  const found = await writable(options, io)
  const { server, file } = found.inventory
  const { domains, sites } = server
  const edit = removeDomain(name)
  const after = edit(file, found.text).server
  const accounts = domains.find((domain) => domain.name === name)?.accounts ?? []
  const site = sites.find(({ domain }) => domain === name)
  const notes = [
    ...(accounts.length === 0 ? [] : [stays(accounts.map(({ address }) => address))]),
    ...(site === undefined ? [] : [`its pages stay on the host, in ${site.root}`]),
  ]
  if (!options.apply || options.keepRecords || !(await canPublish(found.inventory)))
    return changeInventory(found, edit, { concerns, notes }, options, io)
  const { lines, take } = await (await import('./domain-leaves.ts')).leaving(found.inventory, after, options, io)
  const first = { lines, asks: lines.length === 0 ? '' : 'take its records out of the zones', run: take }
  return changeInventory(found, edit, { concerns, notes, publishes: true, first }, options, io)
}

/** What leaves the inventory stays on the host until somebody removes it there. */
export const stays = (addresses: readonly string[]): string =>
  [
    `the mail and the ${addresses.length === 1 ? 'password' : 'passwords'} of ${addresses.join(', ')} stay on the host; to remove them there:`,
    ...addresses.flatMap((address) => [`  maddy imap-acct remove ${address}`, `  maddy creds remove ${address}`]),
  ].join('\n')

/** What is asked of a new domain, in the light of the inventory that it comes into. */
function topicsOf({ inventory: { file, server }, text }: Writable): readonly Topic[] {
  const contradiction = (answers: Answers): string | undefined => {
    const { domain, site } = domainOf(answers)
    try {
      addDomain(domain, { site })(file, text)
      return undefined
    } catch (error) {
      if (error instanceof ProvisionError) return error.message
      throw error
    }
  }
  const { accounts, web, rest } = domainTopics(contradiction)
  const called: Topic = () =>
    question('name', DomainShape.shape.name, {
      contradiction: (name) =>
        server.domains.some((domain) => domain.name === name)
          ? `${name} is in the inventory already`
          : contradiction({ name, web: 'bare' }),
    })
  return [called, accounts(), ...web, ...rest]
}

/** Flags answer their questions. */
function given({ accounts, catchAll, web, dmarc, mtaSts }: DomainOptions, name: string | undefined): Answers {
  const away = web !== undefined && web !== 'here' && web !== 'bare'
  return Object.fromEntries(
    Object.entries({
      name,
      accounts,
      catch_all: catchAll,
      web: away ? 'elsewhere' : web,
      elsewhere: away ? web : undefined,
      policies: dmarc === undefined && mtaSts === undefined ? undefined : 'choose',
      dmarc,
      mta_sts: mtaSts,
    }).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  )
}

async function fromFile(path: string, name: string | undefined): Promise<NewDomain> {
  const text = await readFile(path, 'utf8').catch((error: Error) => {
    throw new ProvisionError(path, `cannot be read: ${error.message}`)
  })
  const { site, ...domain } = readAnswers(path, text, name)
  return { domain, site: site ?? !('web' in domain) }
}
