import { changeOf } from './changes.ts'
import { type Difference, recordDifferences, wantedOf } from './compare.ts'
import type { Provider } from './providers/provider.ts'
import type { DnsRecord } from './record.ts'
import type { ZoneChange } from './update.ts'

/** What has to be done to a zone that should have these records, where it is kept, and what was found different there. Throws as the provider does. */
export async function plannedChange(
  provider: Pick<Provider, 'look'>,
  zone: string,
  records: readonly DnsRecord[],
  options: { readonly prune?: boolean | undefined } = {},
): Promise<{ readonly change: ZoneChange; readonly found: readonly Difference[] }> {
  const wanted = wantedOf(records)
  const there = await provider.look(zone, wanted)
  const found = wanted.flatMap((one, i) => recordDifferences(one, there[i] ?? []))
  return { change: changeOf(zone, found, options), found }
}
