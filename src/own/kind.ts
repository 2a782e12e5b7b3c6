import { defineKind, type Kind, type Resource } from '../kind.ts'

/** Turns a kind of one's own into the function that playbooks call: `defineKind` of the public face. */
export function defineOwnKind<Desired, Current>(kind: Kind<Desired, Current>): (desired: Desired) => Resource {
  return defineKind(kind)
}
