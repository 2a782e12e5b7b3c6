import { type Check, each, error, ok } from '../../check.ts'
import { addressesToCheck } from '../../patient.ts'
import { socketName, talk } from '../../smtp.ts'

/** A password that is asked for before TLS goes over the wire for everybody to read. Port 25 asks for none at all. */
export const authBeforeTls: Check = {
  id: 'auth-before-tls',
  title: 'no password is asked for before TLS, and none at all on 25',
  look: ({ server, trusted }) =>
    each(
      addressesToCheck(server).flatMap(({ address }) => [25, 587].map((port) => ({ address, port }))),
      ({ address, port }) => socketName(address, port),
      async (at) =>
        talk({ ...at, name: server.mail.hostname, trusted }, async ({ say, startTls }) => {
          const subject = socketName(at.address, at.port)
          const asks = ({ lines }: { readonly lines: readonly string[] }) => lines.some((line) => /^AUTH\b/i.test(line))
          const plain = asks(await say('EHLO doctor.invalid'))
          // Without a password, so that no jail counts it: a server that wants TLS first says so right away.
          const taken = (await say('AUTH PLAIN')).code === 334
          if (taken) await say('*')
          await startTls()
          const behind = asks(await say('EHLO doctor.invalid'))
          const mend = 'provision --host X --only maddy'
          if (plain || taken) return [error(subject, 'asks for a password before TLS: whoever listens reads it', mend)]
          if (at.port === 25 && behind) return [error(subject, 'asks for passwords on 25, where other servers deliver', mend)]
          return at.port === 587 && !behind
            ? [error(subject, 'asks for no password behind TLS: nobody can send', mend)]
            : [ok(subject, behind ? 'behind TLS only' : 'never')]
        }),
    ),
}
