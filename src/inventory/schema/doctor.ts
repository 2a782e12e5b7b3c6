import * as z from 'zod'
import { HostName } from './fields.ts'

/** How the doctor looks from outside. */
export const Doctor = z
  .strictObject({
    outside: HostName.default('gmail.com').meta({
      description: 'a third-party domain: its mail servers show whether port 25 outwards is open',
    }),
    blocklists: z
      .array(HostName)
      .default(['zen.spamhaus.org', 'bl.spamcop.net', 'psbl.surriel.com', 'dnsbl-1.uceprotect.net'])
      .meta({ description: 'lists of addresses from which others take no mail; none when empty' }),
  })
  .prefault({})
  .meta({ description: 'what “provision doctor” asks besides the host' })
