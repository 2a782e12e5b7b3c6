import { reverseName } from '../../../util/addresses.ts'
import { blind, type Check, each, error, type Finding, ok } from '../../check.ts'
import type { OutsideDns } from '../../dns.ts'
import { addressesToCheck, type Place } from '../../patient.ts'

/** Lists of addresses from which mail is not taken. A list that does not know its own test entries is not asked: RFC 5782 5. */
export const blocklists: Check = {
  id: 'blocklists',
  title: 'neither address is on a blocklist',
  look: async ({ server, dns }) => {
    const lists = server.doctor.blocklists
    if (lists.length === 0) return [ok('blocklists', 'none is asked: doctor.blocklists is empty')]
    return each(
      lists.flatMap((list) => addressesToCheck(server).map((place) => ({ list, ...place }))),
      ({ list, address }) => `${address} on ${list}`,
      (one) => onList(dns, one),
    )
  },
}

async function onList(
  dns: OutsideDns,
  { list, address, family }: Place & { readonly list: string },
): Promise<readonly Finding[]> {
  const subject = `${address} on ${list}`
  const [always, never] = family === 'IPv4' ? ['127.0.0.2', '127.0.0.1'] : ['::ffff:7f00:2', '::ffff:7f00:1']
  const [test, clean, own] = await Promise.all([always, never, address].map((at) => dns.ask(reverseName(at, list), 'A')))
  const refused = [...test!, ...own!].some((answer) => /^127\.255\.255\./.test(answer))
  if (refused)
    return [blind(subject, 'the list refuses this resolver, as it does public ones', 'ask through one of your own: dns.lookup')]
  if (clean!.length > 0)
    return [blind(subject, 'the list has everything on it: it is closed', 'take it out of doctor.blocklists')]
  if (test!.length === 0)
    // Few lists know of IPv6; that of IPv4 is then looked at all the same.
    return family === 'IPv6'
      ? [ok(subject, 'not asked: the list has no IPv6')]
      : [
          blind(
            subject,
            'the list does not know its own test entry: it does not answer',
            'ask another resolver: --resolver ADDRESS',
          ),
        ]
  return own!.length === 0
    ? [ok(subject, 'not on it')]
    : [
        error(
          subject,
          `is listed (${own!.join(' ')}): others refuse its mail`,
          `find out why first (journalctl -u maddy, provision doctor), then ask for removal at ${list}`,
        ),
      ]
}
