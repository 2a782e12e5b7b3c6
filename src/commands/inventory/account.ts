import { text as readAll } from 'node:stream/consumers'
import { ProvisionError } from '../../errors.ts'
import { addAccount, addAlias, removeAccount, removeAlias } from '../../inventory/edit/edit.ts'
import { makeUp } from '../../secrets/content.ts'
import type { Io } from '../../session/io.ts'
import { nextCommand } from '../../ui/next-command.ts'
import { stays } from '../domain/domain.ts'
import { type ChangeOptions, changeInventory, correctHost, known, writable } from './change.ts'

/** Accounts and aliases are maddy's alone. */
const concerns = ['maddy']

/** One more account; its password is generated. Returns the exit code. */
export async function accountAdd(options: ChangeOptions, io: Io, address: string): Promise<number> {
  const found = await writable(options, io)
  const notes = [`its password is generated; to see it:\n  ${nextCommand(['secrets', 'show', `mail/${address}`], options)}`]
  return changeInventory(found, addAccount(address), { concerns, notes }, options, io)
}

/** Removes an account from the inventory. Returns the exit code. */
export async function accountRemove(options: ChangeOptions, io: Io, address: string): Promise<number> {
  return changeInventory(
    await writable(options, io),
    removeAccount(address),
    { concerns, notes: [stays([address])] },
    options,
    io,
  )
}

/** One more alias. Returns the exit code. */
export async function aliasAdd(options: ChangeOptions, io: Io, address: string, targets: readonly string[]): Promise<number> {
  return changeInventory(await writable(options, io), addAlias(address, targets), { concerns }, options, io)
}

/** Removes an alias. Returns the exit code. */
export async function aliasRemove(options: ChangeOptions, io: Io, address: string): Promise<number> {
  return changeInventory(await writable(options, io), removeAlias(address), { concerns }, options, io)
}

/**
 * A new password: typed twice at a terminal, else from stdin; generated with --yes, or when nothing is typed. It is stored, and set
 * on the host. Returns the exit code.
 */
export async function accountPassword(options: ChangeOptions, io: Io, address: string): Promise<number> {
  const { inventory } = await writable({ ...options, yes: true }, io)
  const { server, store } = inventory
  const account = server.domains.flatMap(({ accounts }) => accounts).find((one) => one.address === address)
  if (account === undefined)
    throw new ProvisionError(
      address,
      `there is no such account in the inventory, which has: ${server.domains.flatMap(({ accounts }) => accounts.map((one) => one.address)).join(', ')}`,
    )
  const only = options.apply ? await known(concerns, options, io) : []
  const secret = account.password.name
  const given = await newPassword(options, io, address)
  if (given.includes('\0')) throw new ProvisionError(secret, 'a value with a NUL cannot be kept: nothing was stored')
  await store.update((values) => new Map([...values, [secret, given === '' ? makeUp('password') : given]]), io.report.say)
  io.report.say(`stored ${given === '' ? 'a generated one ' : ''}in ${store.file}; to see it:`)
  io.report.say(`  ${nextCommand(['secrets', 'show', secret], options)}`)
  if (options.apply) return correctHost(only, options, io, store.file)
  io.report.say(`next, to set it on the host:\n  ${nextCommand([], options)}`)
  return 0
}

/** Empty when it is to be generated. */
async function newPassword({ yes }: ChangeOptions, { ask }: Io, address: string): Promise<string> {
  if (yes) return ''
  if (ask === undefined) {
    const value = (await readAll(process.stdin)).replace(/\r?\n$/, '')
    if (value === '')
      throw new ProvisionError(address, 'there is no password on stdin: nothing was stored', '--yes generates one')
    return value
  }
  const { askNewPassword } = await import('../../ui/ask.ts')
  return askNewPassword(`New password of ${address} (Enter generates one)`, () => undefined)
}
