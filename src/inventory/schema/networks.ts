import { isIPv4, isIPv6 } from 'node:net'
import * as z from 'zod'
import { network, shortest } from '../../util/addresses.ts'

/** An IPv4 address. */
export const Address4 = z
  .ipv4({ error: 'is not a valid IPv4 address', abort: true })
  .refine(isIPv4, 'is not a valid IPv4 address')

/** An IPv6 address, kept in its shortest form, in which the host says it too. */
export const Address6 = z
  .ipv6({ error: 'is not a valid IPv6 address', abort: true })
  .refine(isIPv6, 'is not a valid IPv6 address')
  .overwrite(shortest)

/** A network in CIDR notation, or one address. */
export const NetworkField = z
  .string()
  .regex(/^[0-9a-fA-F:.]{2,45}(?:\/[0-9]{1,3})?$/, {
    error: 'is not a valid network: 192.0.2.0/24, 2001:db8::/32 or one address',
    abort: true,
  })
  .refine(
    (value) => network(value) !== undefined,
    'is not a valid network: 192.0.2.0/24 or 2001:db8::/32, with no bits set below the mask',
  )
  .overwrite((value) => network(value) ?? value)

/** A TCP or UDP port. */
export const PortField = z.int().min(1).max(65535)
