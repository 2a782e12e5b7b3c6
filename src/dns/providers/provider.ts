import type { WantedRecords } from '../compare.ts'
import type { DnsRecord, Said } from '../record.ts'
import type { ZoneChange } from '../update.ts'

/** Where zones are kept, and how they are written. */
export interface Provider {
  /** As it is told: “OVH”, “192.0.2.53”. */
  readonly name: string
  /** What it has itself of each of these, in their order: not what a name server says that may lag behind. */
  look(zone: string, wanted: readonly WantedRecords[]): Promise<readonly (readonly Said[])[]>
  /** Gives out what was written there and never given out, by a run that was cut off; left out where writing is giving out. */
  giveOut?(zone: string): Promise<void>
  /** Does it, for a zone that should have these records. May be done twice. */
  publish(change: ZoneChange, records: readonly DnsRecord[]): Promise<void>
}
