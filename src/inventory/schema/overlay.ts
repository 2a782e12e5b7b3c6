import * as z from 'zod'
import { bits, network, shortest } from '../../util/addresses.ts'
import { AbsolutePath } from './fields.ts'
import { Address4, Address6, NetworkField, PortField } from './networks.ts'
import { secretField, secretPlaceholder } from './secret-field.ts'

const reference = (name: string) => secretField().default(() => secretPlaceholder(name))

/** An address with the length of its network. */
const OverlayAddress = z
  .string()
  .refine((value) => {
    const [address = '', length = '', ...more] = value.split('/')
    const [four, six] = [Address4.safeParse(address).success, Address6.safeParse(address).success]
    return more.length === 0 && /^[0-9]{1,3}$/.test(length) && Number(length) <= (four ? 32 : six ? 128 : -1)
  }, 'is not a valid address with the length of its network: 10.19.55.5/24')
  .overwrite((value) => value.replace(/^[^/]+/, shortest))

/** An interface's name, as Linux takes it. */
const Interface = z.string().regex(/^[a-zA-Z][a-zA-Z0-9._-]{0,14}$/, 'is not a valid network interface name')

/** Where a node is reached from outside: an address or a name, and a port. */
const Endpoint = z
  .string()
  .regex(
    /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\[[0-9a-fA-F:]+\]):[1-9][0-9]{0,4}$/,
    'is not a valid address with a port: 192.0.2.1:4242',
  )

/** A node of an overlay network. */
export const Nebula = z.strictObject({
  address: OverlayAddress.meta({
    example: '10.19.55.5/24',
    description: 'its address in the overlay, with the length of the network; its certificate has to say the same',
  }),
  interface: Interface.default('nebula1').meta({ description: 'what the network interface is called' }),
  port: PortField.default(4242).meta({ description: 'the UDP port that others reach it at' }),
  lighthouse: z.boolean().default(false).meta({ description: 'others ask this host where the rest of them is' }),
  lighthouses: z
    .array(
      z.strictObject({
        address: z
          .union([Address4, Address6], { error: 'is not a valid address' })
          .meta({ example: '10.19.55.1', description: 'its address in the overlay' }),
        at: z.array(Endpoint).min(1).meta({ example: '203.0.113.9:4242', description: 'where it is reached from outside' }),
      }),
    )
    .default([])
    .meta({ description: 'who knows where the others are' }),
  ca: reference('nebula/ca').meta({ description: 'the certificate of the network’s CA, in PEM; its key stays with you' }),
  certificate: reference('nebula/certificate').meta({ description: 'the certificate of this node, in PEM' }),
  key: reference('nebula/key').meta({ description: 'the key of this node, in PEM' }),
})

/** What others may mount, through the overlay. */
export const Nfs = z.strictObject({
  exports: z
    .array(
      z.strictObject({
        path: AbsolutePath.meta({ example: '/sharenfs/xoyize', description: 'the folder; the admin owns it' }),
        to: NetworkField.optional().meta({
          example: '10.19.55.0/24',
          description: 'who may mount it; the whole overlay when left out',
        }),
        write: z.boolean().default(true).meta({ description: 'whether they may write' }),
        squash: z
          .enum(['root', 'all', 'none'])
          .default('root')
          .meta({ description: 'who of theirs is nobody here: root, all or none' }),
      }),
    )
    .min(1)
    .meta({ description: 'what may be mounted' }),
})

/** The network that an overlay address with its length is in: `10.19.55.5/24` gives `10.19.55.0/24`. */
export function networkOf(address: string): string {
  const [own = '', length = ''] = address.split('/')
  const size = own.includes(':') ? 128 : 32
  const first = bits(own) & ~((1n << BigInt(size - Number(length))) - 1n)
  const words = first.toString(16).padStart(32, '0').match(/.{4}/g) ?? []
  // An IPv4 address as a number is one of IPv6 too: the mapped one, of which the normal form is IPv4.
  const whole = size === 32 ? `::ffff:${words.slice(6).join(':')}/${Number(length) + 96}` : `${words.join(':')}/${length}`
  return network(whole) ?? address
}
