import { isIPv4, isIPv6 } from 'node:net'

/** An IPv6 address in its shortest form, in which a host says it; anything else as it is. */
export function shortest(address: string): string {
  return isIPv6(address) ? new URL(`http://[${address}]/`).hostname.slice(1, -1) : address
}

/** An IPv4 or IPv6 address as a number. */
export function bits(address: string): bigint {
  if (isIPv4(address)) return address.split('.').reduce((sum, byte) => (sum << 8n) + BigInt(byte), 0n)
  const [left = '', right] = shortest(address).split('::')
  const words = (part: string) => (part === '' ? [] : part.split(':'))
  const [head, tail] = [words(left), words(right ?? '')]
  const all = right === undefined ? head : [...head, ...Array<string>(8 - head.length - tail.length).fill('0'), ...tail]
  return all.reduce((sum, word) => (sum << 16n) + BigInt(`0x${word}`), 0n)
}

/** The name below which an address stands in the DNS, or in a blocklist. */
export function reverseName(address: string, below = isIPv6(address) ? 'ip6.arpa' : 'in-addr.arpa'): string {
  const parts = isIPv6(address) ? [...bits(address).toString(16).padStart(32, '0')] : address.split('.')
  return [...parts.toReversed(), ...(below === '' ? [] : [below])].join('.')
}
