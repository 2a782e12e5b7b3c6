import { reverseName, shortest } from '../../../util/addresses.ts'
import { type Check, each, error, ok } from '../../check.ts'
import { addressesToCheck } from '../../patient.ts'

/** Large providers refuse mail of an address whose PTR is missing, or is not confirmed by an A or AAAA back to it. */
export const reverseNames: Check = {
  id: 'reverse-names',
  title: 'both addresses resolve back to the mail host’s name, and that to them',
  look: ({ server, dns }) =>
    each(
      addressesToCheck(server),
      ({ address }) => address,
      async ({ address, family }) => {
        const mx = server.mail.hostname
        const names = await dns.ask(reverseName(address), 'PTR')
        if (names.length !== 1 || names[0] !== mx)
          return [
            error(
              address,
              names.length === 0 ? 'has no PTR record' : `its PTR says ${names.join(' and ')}, not ${mx}`,
              `set the reverse name of ${address} to ${mx} in the panel of ${server.provider ?? 'the provider'}`,
            ),
          ]
        const back = await dns.ask(mx, family === 'IPv4' ? 'A' : 'AAAA')
        return back.map(shortest).includes(shortest(address))
          ? [ok(address, mx)]
          : [
              error(
                address,
                `is called ${mx}, which is at ${back.join(' ') || 'no address'}`,
                `publish ${mx}. ${family === 'IPv4' ? 'A' : 'AAAA'} ${address}`,
              ),
            ]
      },
    ),
}
