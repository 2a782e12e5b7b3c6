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

/**
 * A network in the one form that we keep and compare: the shortest, without the mask when it is a single address, IPv4 where it is
 * IPv4 in an IPv6 notation. Nothing when it is no network, or has bits set below its mask.
 */
export function network(value: string): string | undefined {
  const [address = '', mask, ...more] = value.split('/')
  const size = isIPv4(address) ? 32 : isIPv6(address) ? 128 : 0
  const length = mask === undefined ? size : Number(mask)
  if (size === 0 || more.length > 0 || mask === '' || length > size) return undefined
  const number = bits(address)
  if ((number & ((1n << BigInt(size - length)) - 1n)) !== 0n) return undefined
  const mapped = size === 128 && number >> 32n === 0xffffn && length >= 96
  const [shown, left, whole] = mapped ? [dotted(number & 0xffffffffn), length - 96, 32] : [shortest(address), length, size]
  return left === whole ? shown : `${shown}/${left}`
}

/** A network with its mask, for programs that take no single address: 192.0.2.7/32. */
export const withMask = (value: string): string => (value.includes('/') ? value : `${value}/${isIPv6(value) ? 128 : 32}`)

const dotted = (number: bigint): string => [24n, 16n, 8n, 0n].map((shift) => (number >> shift) & 255n).join('.')

/** The name below which an address stands in the DNS, or in a blocklist. */
export function reverseName(address: string, below = isIPv6(address) ? 'ip6.arpa' : 'in-addr.arpa'): string {
  const parts = isIPv6(address) ? [...bits(address).toString(16).padStart(32, '0')] : address.split('.')
  return [...parts.toReversed(), ...(below === '' ? [] : [below])].join('.')
}
