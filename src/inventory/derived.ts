import type { Domain } from './server.ts'

/** One alias with its targets, as whole addresses. */
export interface AliasLine {
  readonly from: string
  readonly to: readonly string[]
}

/**
 * All aliases, with the postmaster and abuse that every domain has: they go to its first account when they are not declared,
 * and in a domain without accounts to the first account there is.
 */
export function aliasLines(domains: readonly Pick<Domain, 'name' | 'accounts' | 'aliases'>[]): readonly AliasLine[] {
  const last = domains.flatMap(({ accounts }) => accounts)[0]?.address
  return domains.flatMap(({ name, accounts, aliases }) => {
    const declared = aliases.map(({ address, to }): AliasLine => ({ from: address, to }))
    const known = new Set([...accounts, ...aliases].map(({ address }) => address as string))
    const postmaster = declared.find(({ from }) => from === `postmaster@${name}`)?.to
    const fallback =
      postmaster ??
      [known.has(`postmaster@${name}`) ? `postmaster@${name}` : (accounts[0]?.address ?? last)].filter((to) => to !== undefined)
    const missing = ['postmaster', 'abuse'].map((part) => `${part}@${name}`).filter((address) => !known.has(address))
    return [...declared, ...(fallback.length === 0 ? [] : missing.map((from) => ({ from, to: fallback })))]
  })
}
