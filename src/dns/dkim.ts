import { dkimFiles } from '../inventory/inventory.ts'
import { type Sh, sh } from '../sh.ts'
import type { DnsRecord } from './record.ts'

/** The name under which it is published. */
export const dkimName = (domain: string, selector: string): string => `${selector}._domainkey.${domain}`

/** Prints what is to be published of it; fails when there is none. */
export const readDkim = (domain: string, selector: string): Sh => sh`cat -- ${dkimFiles(domain, selector).record}`

/** What the host printed, if it is what is to be published of a key. */
export const dkimValue = (printed: string): string | undefined =>
  /^v=DKIM1; k=(?:rsa|ed25519); p=[A-Za-z0-9+/=]+$/.test(printed.trim()) ? printed.trim() : undefined

/** What the host printed, as a record; nothing when it is none. */
export function dkimRecord(domain: string, selector: string, printed: string, ttl: number): DnsRecord | undefined {
  const data = dkimValue(printed)
  return data === undefined ? undefined : { name: dkimName(domain, selector), type: 'TXT', ttl, data }
}
