import { type Check, each, error, ok } from '../../check.ts'
import { addressesToCheck, type Patient } from '../../patient.ts'
import { type Door, socketName, talk } from '../../smtp.ts'

/** Other servers compare the name of the banner with the PTR and the certificate. */
export const greeting: Check = {
  id: 'greeting',
  title: 'the banner says the mail host’s name',
  look: (patient) =>
    each(
      doors(patient),
      ({ address, port }) => socketName(address, port),
      async (door) => {
        const { code, lines } = await talk(door, async (smtp) => smtp.greeting)
        const name = lines[0]?.split(' ')[0] ?? ''
        const subject = socketName(door.address, door.port)
        if (code !== 220) return [error(subject, `greets with ${code} ${lines[0]}`, 'on the host: journalctl -u maddy -n 20')]
        return name === door.name
          ? [ok(subject, name)]
          : [error(subject, `the banner says ${name || 'no name'}, not ${door.name}`, 'provision --host X --only maddy')]
      },
    ),
}

const doors = ({ server, trusted }: Patient): readonly Door[] =>
  addressesToCheck(server).flatMap(({ address }) =>
    [25, 587].map((port) => ({ address, port, name: server.mail.hostname, trusted })),
  )
