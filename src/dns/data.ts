import type { Answer, TxtAnswer } from 'dns-packet'
import { shortest } from '../util/addresses.ts'
import type { Said } from './record.ts'

/** What an answer says, as `data` of a record of ours; undefined for types that we do not know. */
export function dataOf(answer: Answer): string | undefined {
  switch (answer.type) {
    case 'A':
      return answer.data
    case 'AAAA':
      return shortest(answer.data)
    case 'CNAME':
    case 'NS':
    case 'PTR':
      return `${answer.data.toLowerCase()}.`
    case 'MX':
      return `${answer.data.preference ?? 0} ${answer.data.exchange.toLowerCase().replace(/\.$/, '')}.`
    case 'SRV': {
      const { priority = 0, weight = 0, port, target } = answer.data
      return `${priority} ${weight} ${port} ${target.toLowerCase().replace(/\.$/, '')}.`
    }
    case 'TLSA': {
      const { usage, selector, matchingType, certificate } = answer.data
      return `${usage} ${selector} ${matchingType} ${certificate.toString('hex')}`
    }
    case 'CAA':
      return `${answer.data.flags ?? 0} ${answer.data.tag} "${answer.data.value}"`
    case 'TXT':
      return Buffer.concat(txtPieces(answer)).toString()
    case 'DS': {
      const { keyTag, algorithm, digestType, digest } = answer.data
      return `${keyTag} ${algorithm} ${digestType} ${digest.toString('hex')}`
    }
    default:
      return undefined
  }
}

/** The pieces that a TXT is in. */
export const txtPieces = (answer: TxtAnswer): readonly Uint8Array[] => [answer.data].flat().map((part) => Buffer.from(part))

/** The same data written in another way is the same: case, final dots and the short form of an address. */
export function canonical({ type, data }: Pick<Said, 'type' | 'data'>): string {
  switch (type) {
    case 'AAAA':
      return shortest(data)
    case 'TXT':
      return data
    case 'CAA':
      return data.replace(/^(\d+) (\S+) "?([^"]*)"?$/, (_, flags: string, tag: string, value: string) =>
        [Number(flags), tag.toLowerCase(), `"${value.trim()}"`].join(' '),
      )
    default:
      return data.toLowerCase().replace(/\s+/g, ' ')
  }
}
