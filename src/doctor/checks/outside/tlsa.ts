import { type Check, each, error, ok, warning } from '../../check.ts'
import { addressesToCheck } from '../../patient.ts'
import { socketName } from '../../smtp.ts'
import { show } from './certificate.ts'

/** A server that checks DANE delivers only to the key that TLSA names. A wrong record is an outage; without DNSSEC it says nothing. */
export const tlsaCheck: Check = {
  id: 'tlsa',
  title: 'TLSA names the key that port 25 shows, and DNSSEC proves it',
  look: async ({ server, dns, trusted }) => {
    const mx = server.mail.hostname
    const name = `_25._tcp.${mx}`
    const records = await dns.ask(name, 'TLSA')
    if (records.length === 0)
      return [warning(name, 'there is no TLSA record: nobody can insist on TLS by DANE', 'provision dns publish --host X')]
    const proved = await dns.proved(name, 'TLSA')
    return [
      ...(await each(
        addressesToCheck(server),
        ({ address }) => socketName(address, 25),
        async ({ address }) => {
          const { key } = await show({ address, port: 25, name: mx, trusted })
          return records.includes(`3 1 1 ${key}`)
            ? [ok(socketName(address, 25), '3 1 1, the key that is shown')]
            : [
                error(
                  socketName(address, 25),
                  `shows a key that TLSA does not name: ${proved ? 'servers that check DANE deliver nothing here' : 'once the zone is signed, nothing is delivered here'}`,
                  `publish: ${name}. TLSA 3 1 1 ${key}`,
                ),
              ]
        },
      )),
      proved
        ? ok(name, 'proved by DNSSEC')
        : warning(
            name,
            'is not proved by DNSSEC: senders pass it over',
            'sign the zone and have its DS published; or ask a resolver that validates: --resolver ADDRESS',
          ),
    ]
  },
}
