import { type Change, defineKind, type Kind, type Resource } from '../engine/kind.ts'
import { ProvisionError } from '../errors.ts'
import { awaitIt, described, isPromise } from '../kinds/wanted.ts'
import { isSh } from '../sh.ts'
import { lineOf, said } from './mistake.ts'

/**
 * Turns a kind of one's own into the function that playbooks call: `defineKind` of the public face. What its functions throw, or answer
 * that does not fit, is an error with their line; what its probe does not speak of is unknown.
 *
 * @example
 * const alternative = defineKind<{ name: string; path: string }, { path: string }>({
 *   name: 'alternative',
 *   key: ({ name }) => name,
 *   probe: (all) => sh`for n in ${all.map(({ name }) => name)}; do printf '%s %s\n' "$n" "$(readlink "/etc/alternatives/$n" || echo none)"; done`,
 *   parse: (output) => new Map([...output.matchAll(/^(\S+) (\S+)$/gm)].map(([, name, path]) => [name!, { path: path! }])),
 *   diff: ({ path }, have) => changedFields({ path }, have),
 *   apply: ({ name, path }) => sh`update-alternatives --set ${name} ${path}`,
 * })
 */
export function defineOwnKind<Desired, Current>(kind: Kind<Desired, Current>): (desired: Desired) => Resource {
  checkKind(kind)
  const { name } = kind
  const guarded = <F extends (...args: never[]) => unknown>(
    what: keyof Kind<Desired, Current>,
    run: F,
    fits: (answer: unknown) => string | undefined,
  ) =>
    ((...args: Parameters<F>) => {
      const answer = calling(name, what, () => run.apply(kind, args))
      const wrong = isPromise(answer) ? 'a Promise' : fits(answer)
      if (wrong !== undefined)
        throw new ProvisionError(`kind ${name}`, `its ${what} answered ${wrong}`, isPromise(answer) ? awaitIt : answers[what])
      return answer
    }) as F
  return defineKind({
    ...kind,
    own: true,
    key: guarded('key', kind.key, (key) => (typeof key === 'string' && /^[^\n]+$/.test(key) ? undefined : described(key))),
    probe: guarded('probe', kind.probe, (probe) => (isSh(probe) ? undefined : described(probe))),
    parse: guarded('parse', kind.parse, (states) => (states instanceof Map ? undefined : described(states))),
    diff: guarded('diff', kind.diff, (changes) => (isChanges(changes) ? undefined : described(changes))),
    apply: guarded('apply', kind.apply, (apply) => (isSh(apply) ? undefined : described(apply))),
  })
}

/** What each must answer. */
const answers: Readonly<Record<string, string>> = {
  key: 'answer with text: a name or a path, unique within the kind',
  probe: 'answer with the sh tag: sh`…`',
  parse: 'answer with a Map of states, by their keys',
  diff: 'answer with a list of { field, from, to }, all of them text; an empty one when nothing differs',
  apply: 'answer with the sh tag: sh`…`',
}

const isChanges = (changes: unknown): boolean =>
  Array.isArray(changes) &&
  changes.every((one: Partial<Change>) => [one?.field, one?.from, one?.to].every((text) => typeof text === 'string'))

function calling<T>(name: string, what: string, run: () => T): T {
  try {
    return run()
  } catch (error) {
    const at = lineOf(error)
    throw Object.assign(
      new ProvisionError(`kind ${name}`, `its ${what} threw ${said(error)}`, at === undefined ? 'mend the kind' : `mend ${at}`),
      { cause: error },
    )
  }
}

function checkKind(kind: { readonly name?: unknown }): void {
  const refuse = (what: string, hint: string): never => {
    throw new ProvisionError(`kind ${typeof kind.name === 'string' ? kind.name : ''}`.trim(), what, hint)
  }
  if (typeof kind.name !== 'string' || !/^[a-z][a-z0-9-]*$/.test(kind.name))
    refuse(`its name is ${described(kind.name)}`, 'write small letters, digits and “-”: it is what plans call it')
  for (const [what, hint] of Object.entries(answers))
    if (typeof (kind as Record<string, unknown>)[what] !== 'function')
      refuse(`its ${what} is not a function`, `write one: ${hint}`)
}
