import { ProvisionError } from '../errors.ts'
import type { Server } from '../inventory/inventory.ts'
import { type Secret, secretsIn } from '../secret.ts'
import type { NameServer } from './client.ts'
import { nsupdate } from './providers/nsupdate.ts'
import { ovh } from './providers/ovh.ts'
import type { Provider } from './providers/provider.ts'

/** The secrets that writing its zones takes; none where we do not write them. */
export const publishingKeys = ({ dns }: Pick<Server, 'dns'>): readonly Secret[] =>
  dns.provider === 'manual' ? [] : secretsIn(dns.provider === 'ovh' ? dns.publish : (dns.publish ?? dns.key))

/** Who keeps the zones of an inventory. Its secrets have to be known. Throws ProvisionError where nobody does. */
export function providerOf({ dns, acme }: Pick<Server, 'dns' | 'acme'>, resolvers: readonly NameServer[]): Provider {
  if (dns.provider === 'ovh') return ovh(dns, acme.ca)
  if (dns.provider === 'nsupdate') return nsupdate(dns, resolvers)
  throw new ProvisionError(
    'dns.provider',
    'is manual: nothing here may write your zones',
    '“provision dns check” prints each record to publish',
  )
}
