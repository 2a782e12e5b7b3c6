import type { NameServer } from '../../../dns/client.ts'
import type { TsigKey } from '../../../dns/update.ts'
import type { Granted } from './api.ts'

/** What the process is told. */
export interface OvhSettings {
  /** Where it listens. */
  readonly address: string
  /** Its certificate and key, as PEM. */
  readonly cert: string
  readonly key: string
  /** Where the zones really are. */
  readonly dns: NameServer
  readonly tsig: TsigKey
  readonly zones: readonly string[]
  readonly granted: readonly Granted[]
  /** While this holds `METHOD PATH-PATTERN STATUS [NTH [done]]`, such calls, or the n-th of them, are answered with that status. */
  readonly faultFile: string
  /** Made once it listens. */
  readonly readyFile: string
}
