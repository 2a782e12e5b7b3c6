import { canonical } from './data.ts'
import type { Said } from './record.ts'

/** Two records that mean the same, in whatever words: SPF, DMARC and their like by what they say. */
export function sameMeaning(a: Said, b: Said): boolean {
  return a.type === b.type && meaning(a) === meaning(b)
}

/**
 * What a record is for, where more than one may stand at a name: others of the same purpose contradict it, all others are no
 * business of ours.
 */
export function purpose({ name, type, data }: Said): string {
  if (type === 'CAA') return `CAA ${/^\d+\s+(\S+)/.exec(data)?.[1]?.toLowerCase() ?? ''}`
  if (type !== 'TXT') return type
  const kind = /^\s*v\s*=\s*(spf1|dmarc1|stsv1|tlsrptv1|dkim1)(?=[\s;]|$)/i.exec(data)?.[1]?.toLowerCase()
  if (kind !== undefined) return `TXT ${kind}`
  // A DKIM key may do without its version.
  return name.includes('._domainkey.') && /(?:^|;)\s*p\s*=/.test(data) ? 'TXT dkim1' : 'TXT'
}

/** Whether at most one record of that purpose may stand at a name: a second one makes receivers ignore both, or take the wrong one. */
export const isSingle = (said: Said): boolean => !purpose(said).startsWith('CAA issue') || purpose(said) === 'CAA issuewild'

/** What goes wrong without it, in a sentence. */
export function risk({ name, type, data }: Said): string {
  const kind = purpose({ name, type, data })
  return (
    {
      MX: 'mail outage: nobody knows where to bring mail for it',
      'TXT spf1': 'mail outage: what we send is taken for forged',
      'TXT dkim1': 'mail outage: signatures of what we send cannot be verified',
      'TXT dmarc1': 'forgery: others are not told what to do with it',
      'TXT stsv1': 'the MTA-STS policy is not found, or an old one is kept',
      'TXT tlsrptv1': 'failures of TLS are reported to nobody',
      TLSA: 'mail outage from senders that check DANE, where the zone is signed',
      SRV: 'cosmetic: mail programs find the server by other ways',
      PTR: 'mail outage: many refuse mail from an address without it',
    }[kind] ??
    (type === 'CAA'
      ? 'certificates: who may issue them'
      : type === 'A' || type === 'AAAA'
        ? 'outage: what is called that is looked for elsewhere'
        : 'it is not what the inventory says')
  )
}

/** A text that is the same for all records that mean the same. */
function meaning(said: Said): string {
  if (said.type !== 'TXT') return canonical(said)
  switch (purpose(said)) {
    case 'TXT spf1':
      return spfMeaning(said.data)
    case 'TXT dmarc1': {
      const tags = tagsOf(said.data)
      const policy = tags.get('p') ?? 'none'
      return meaningOf(tags, {
        sp: policy,
        np: tags.get('sp') ?? policy,
        adkim: 'r',
        aspf: 'r',
        pct: '100',
        fo: '0',
        rf: 'afrf',
        ri: '86400',
      })
    }
    case 'TXT dkim1':
      return meaningOf(tagsOf(said.data), { v: 'DKIM1', k: 'rsa', s: '*', t: '', h: '' })
    case 'TXT stsv1':
    case 'TXT tlsrptv1':
      return meaningOf(tagsOf(said.data), {})
    default:
      return said.data
  }
}

/** The tags of `v=X; a=1; b=2`. A key of DKIM may have been cut with blanks in it. */
function tagsOf(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split(';').flatMap((part) => {
      const at = part.indexOf('=')
      return at < 0 ? [] : [[part.slice(0, at).trim().toLowerCase(), part.slice(at + 1).trim()] as const]
    }),
  )
}

/** Tags without those that say what is so anyway; lists of addresses in any order, words in any case. */
function meaningOf(tags: ReadonlyMap<string, string>, defaults: Readonly<Record<string, string>>): string {
  const value = (tag: string, text: string): string => {
    if (tag === 'p' && text.length > 20) return text.replace(/\s/g, '')
    if (tag === 'id') return text
    return tag === 'rua' || tag === 'ruf'
      ? text
          .split(',')
          .map((one) => one.trim().toLowerCase())
          .toSorted()
          .join()
      : text.toLowerCase()
  }
  return [...tags]
    .map(([tag, text]) => [tag, value(tag, text)] as const)
    .filter(([tag, text]) => text !== defaults[tag]?.toLowerCase())
    .map((pair) => pair.join('='))
    .toSorted()
    .join(';')
}

/**
 * An SPF record's terms. Neighbours with the same qualifier may stand in any order, and one said twice counts once; `+` is what
 * is meant without one; what stands behind `all` counts for nothing, but for modifiers.
 */
function spfMeaning(text: string): string {
  const terms = text.trim().toLowerCase().split(/\s+/).slice(1)
  const modifiers = terms.filter((term) => /^[a-z][a-z0-9._-]*=/.test(term)).toSorted()
  const mechanisms = terms
    .filter((term) => !/^[a-z][a-z0-9._-]*=/.test(term))
    .map((term) => (/^[+?~-]/.test(term) ? term : `+${term}`))
  const end = mechanisms.findIndex((term) => term.slice(1) === 'all')
  const counting = end < 0 ? mechanisms : mechanisms.slice(0, end + 1)
  const groups: string[][] = []
  for (const term of counting) {
    const group = groups.at(-1)
    if (group?.[0]?.[0] === term[0]) group?.push(term)
    else groups.push([term])
  }
  const kept = modifiers.filter((term) => end < 0 || !term.startsWith('redirect='))
  return [...groups.map((group) => [...new Set(group)].toSorted().join(' ')), ...kept].join(' ')
}
