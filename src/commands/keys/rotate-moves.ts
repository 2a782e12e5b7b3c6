import { begun, type Move, proved, retired, slowed, unproved, used } from '../../dns/rotation.ts'
import { correct, lookAtStep } from '../../engine/converge.ts'
import { step } from '../../engine/step.ts'
import type { Rotation } from '../../inventory/inventory.ts'
import { open } from '../../session/open.ts'
import { who } from '../../util/who.ts'
import { publishZones } from '../dns/dns-publish.ts'
import { canPublish } from '../dns/dns-wanted.ts'
import { correctHost, known } from '../inventory/change.ts'
import { near, rewrite, type Writable } from '../inventory/rewrite.ts'
import type { Held, Those } from './rotate-held.ts'
import { byHand, keptFor, nextRecords, retiredRecords, seen, type Zones } from './rotate-zones.ts'
import type { Turning } from './rotations.ts'

/** Each returns the inventory as it is after it, or the exit code of a command that ends here. */
export const moves: Readonly<Record<Exclude<Move['do'], 'wait'>, (held: Held, those: Those) => Promise<Writable | number>>> = {
  begin: async (held, those) => {
    const { what, found, options, io, now } = held
    const name = options.named ?? what.name(now)
    const fresh = those.filter(({ rotation }) => rotation.key !== name)
    if (fresh.length === 0) {
      io.report.say(`nothing to do: ${name} is used already; ${what.option} gives the next one another name`)
      return 0
    }
    const names = fresh.map((one) => one.name).join(', ')
    const ask = `Write this, make ${name} on ${found.inventory.name}, publish it for ${names}, and use it as soon as it may be?`
    return written(held, fresh, (rotation) => begun(rotation, name), ask)
  },

  publish: async (held, those) => {
    const code = await corrected(held)
    if (code !== 0) return code
    const records = await nextRecords(held, those)
    // Before the zones are touched: afterwards nobody can see how long others keep what was there.
    const kept = await keptFor(held, records)
    const { what } = held
    const slower = (one: Turning) => slowed(one.rotation, kept.get(what.record(one.name, one.rotation.next!)) ?? 0, what.pace)
    const slow = those.flatMap((one) => {
      const rotation = slower(one)
      return rotation === undefined ? [] : [{ ...one, rotation }]
    })
    if (slow.length > 0) return written(held, slow, (rotation) => rotation)
    const stopped = await inZones(held, records)
    return stopped ?? written(held, those, (rotation) => proved(rotation, new Date()))
  },

  use: async (held, those) => {
    const { found, io } = held
    const there = await seen(held, await nextRecords(held, those))
    if (there === 1) return 1
    if (there === 0) return written(held, those, used, `Write this, and use ${keys(those, 'next')} on ${found.inventory.name}?`)
    io.report.say('it is not at every name server any more: it is published again')
    return written(held, those, unproved)
  },

  settle: async (held, those) => {
    const code = await corrected(held)
    return code === 0 ? written(held, those, (rotation) => proved(rotation, new Date())) : code
  },

  retire: async (held, those) => {
    const { found, io, agreed } = held
    const zones = await retiredRecords(held, those)
    const ask = `Take ${keys(those, 'retired')} out of the zones, and its key off ${found.inventory.name}?`
    if (!agreed && !(await io.ask!.confirm(ask))) return 1
    const stopped = await inZones(held, zones)
    if (stopped !== undefined) return stopped
    await removed(held, those)
    return written(held, those, retired)
  },
}

/** Has every name server show it so, or says to whoever writes the zones what to do there. Returns the exit code of a command that ends here. */
async function inZones(held: Held, zones: Zones): Promise<number | undefined> {
  const { found, options, io } = held
  if (zones.size === 0) return undefined
  if (await canPublish(found.inventory)) {
    // What stands in the way of a record is asked for; what goes has been.
    const yes = options.yes || [...zones.values()].flat().every(({ absent }) => absent)
    const code = await publishZones({ ...found.inventory, zones }, { ...options, agreed: true, yes }, io)
    return code === 0 ? undefined : code
  }
  const there = await seen(held, zones)
  return there === 0 ? undefined : there === 1 ? 1 : byHand(held, zones)
}

/** Writes what these have come to. */
async function written(
  { what, found, options, io, agreed }: Held,
  those: Those,
  to: (rotation: Rotation) => Rotation,
  question?: string,
): Promise<Writable | number> {
  const edit = what.edit(new Map(those.map(({ name, rotation }) => [name, to(rotation)])))
  return (await rewrite(found, edit, agreed ? undefined : question, options, io)) ?? 1
}

/** The host as the inventory has it: the next key is made, or used. */
async function corrected({ what, found, options, io }: Held): Promise<number> {
  const change = { ...options, apply: true }
  return correctHost(await known(what.concerns, change, io), change, io, near(found.inventory.file))
}

const keys = (those: Those, which: 'next' | 'retired'): string =>
  [...new Set(those.map(({ rotation }) => rotation[which]))].join(', ')

/** The retired keys leave the host: nobody can verify any more what they would sign. */
async function removed({ what, options, io }: Held, those: Those): Promise<void> {
  const { connection, close } = await open(options, io)
  try {
    await connection.lock(who())
    const removal = step(
      'Remove the retired key',
      those.map(({ name, rotation }) => what.gone(name, rotation.retired!)),
    )
    const { changed } = await correct(connection, await lookAtStep(connection, removal))
    for (const drift of changed) io.report.change(removal, drift)
  } finally {
    await close()
  }
}
