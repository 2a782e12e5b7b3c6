import { minute, nextMove, nextTurn } from '../../dns/rotation.ts'
import { ProvisionError } from '../../errors.ts'
import type { Io } from '../../session/io.ts'
import { writable } from '../inventory/change.ts'
import type { Writable } from '../inventory/rewrite.ts'
import type { Held, RotateOptions } from './rotate-held.ts'
import { moves } from './rotate-moves.ts'
import type { Rotated } from './rotations.ts'

/**
 * Changes a key that others find in the DNS: the next one is made and published; once every name server shows it, it is used; the old
 * one stays published until nobody needs it any more. Goes as far as it may, and says when to go on; what is done stands in the
 * inventory, so that the same command goes on wherever it was stopped. Returns the exit code.
 */
export async function rotate(what: Rotated, options: RotateOptions, io: Io): Promise<number> {
  let found: Writable = await writable({ ...options, apply: true }, io)
  let agreed = options.yes
  for (let acted = false; ; acted = true) {
    const now = new Date()
    const all = turnings(what, options, found).map((one) => ({ ...one, move: nextMove(one.rotation, what.pace, now) }))
    const turn = nextTurn(all, acted)
    if (turn === undefined) {
      const idle = all.filter(({ move }) => move.do === 'begin')
      const waits = all.length > idle.length
      io.report.diff(all.flatMap((one) => (waits && idle.includes(one) ? [] : standing(what, one, found.inventory.name))))
      if (waits && idle.length > 0) io.report.say('the others begin once none is under way; --domain begins one by itself')
      return 0
    }
    const held: Held = { what, found, options, io, agreed, now }
    const after = await moves[turn.do](held, turn.those)
    if (typeof after === 'number') return after
    found = after
    agreed = true
  }
}

function turnings({ word, all }: Rotated, { domain }: RotateOptions, { inventory }: Writable) {
  const there = all(inventory.server)
  const chosen = there.filter(({ name }) => domain === undefined || name === domain)
  if (chosen.length > 0) return chosen
  throw new ProvisionError(domain!, `has no key of ${word} here; there are: ${there.map(({ name }) => name).join(', ')}`)
}

type Standing = ReturnType<typeof turnings>[number] & { readonly move: ReturnType<typeof nextMove> }

/** How a key stands, and when the same command goes on with it. */
function standing(
  { word }: Rotated,
  { name, rotation: { key, next, retired }, move }: Standing,
  host: string,
): readonly string[] {
  if (move.do !== 'wait')
    return next === undefined && retired === undefined ? [`${name}: ${key} is used, and no other one is published`] : []
  const then =
    move.then === 'use' ? `${next} is published, and may be used from` : `${key} is used; ${retired} stays published until`
  return [`${name}: ${then} ${minute(move.until)}; then: provision ${word} rotate --host ${host}`]
}
