import { reachedAt } from '../../../inventory/reach.ts'
import { type Check, each, error, type Finding, ok } from '../../check.ts'
import { addressesToCheck, type Patient } from '../../patient.ts'
import { socketName, talk } from '../../smtp.ts'

/** Who may send what to whom, as a stranger on port 25 and somebody without a password on 587 and 465 find it. No mail is sent. */
export const openRelay: Check = {
  id: 'open-relay',
  title: 'strangers cannot send to strangers, nor without a password, nor to nobody',
  look: async (patient) => {
    const address = reachedAt(patient.server)
    return (
      await Promise.all([
        each(
          addressesToCheck(patient.server),
          (one) => socketName(one.address, 25),
          (one) => onPort25(patient, one.address),
        ),
        each(
          [587, 465],
          (port) => socketName(address, port),
          (port) => onSubmission(patient, address, port),
        ),
      ])
    ).flat()
  },
}

const mend = 'provision --host X --only maddy, at once'

async function onPort25({ server, trusted }: Patient, address: string): Promise<readonly Finding[]> {
  const subject = socketName(address, 25)
  return talk({ address, port: 25, name: server.mail.hostname, trusted }, async ({ say }) => {
    await say('EHLO doctor.invalid')
    // As a bounce: whether a sender's domain exists is not asked then.
    const accepted = await say('MAIL FROM:<>')
    if (accepted.code !== 250)
      return [error(subject, `refuses bounces: ${accepted.code} ${accepted.lines[0]}`, 'journalctl -u maddy on the host')]
    const stranger = await say('RCPT TO:<somebody@stranger.invalid>')
    const nobody = await say(`RCPT TO:<nobody-${Date.now().toString(36)}@${server.mail.primary}>`)
    const postmasters = await inTurn(server.domains, async ({ name }) => ({
      name,
      ...(await say(`RCPT TO:<postmaster@${name}>`)),
    }))
    const refusing = postmasters.filter(({ code }) => code !== 250)
    return [
      isRefusal(stranger.code)
        ? ok(subject, `strangers: ${stranger.code} ${stranger.lines[0]}`)
        : error(subject, `takes mail from strangers for strangers: an open relay (${stranger.code} ${stranger.lines[0]})`, mend),
      isRefusal(nobody.code)
        ? ok(subject, `nobody: ${nobody.code} ${nobody.lines[0]}`)
        : error(
            subject,
            `takes mail for an address that does not exist, and would bounce it to whomever it names (${nobody.code})`,
            mend,
          ),
      refusing.length === 0
        ? ok(subject, 'every domain has its postmaster')
        : error(
            subject,
            `refuses mail for ${refusing.map(({ name, code, lines }) => `postmaster@${name} (${code} ${lines[0]})`).join(', ')}`,
            'provision --host X --only maddy',
          ),
    ]
  })
}

async function onSubmission({ server, trusted }: Patient, address: string, port: number): Promise<readonly Finding[]> {
  const subject = socketName(address, port)
  return talk({ address, port, name: server.mail.hostname, trusted, implicit: port === 465 }, async ({ say, startTls }) => {
    await say('EHLO doctor.invalid')
    if (port === 587) {
      await startTls()
      await say('EHLO doctor.invalid')
    }
    const sender = await say(`MAIL FROM:<postmaster@${server.mail.primary}>`)
    const recipient = sender.code === 250 ? await say('RCPT TO:<somebody@stranger.invalid>') : sender
    return isRefusal(recipient.code)
      ? [ok(subject, `without a password: ${recipient.code} ${recipient.lines[0]}`)]
      : [error(subject, `sends without a password: an open relay (${recipient.code} ${recipient.lines[0]})`, mend)]
  })
}

const isRefusal = (code: number): boolean => code >= 400 && code < 600

async function inTurn<T, R>(all: readonly T[], act: (one: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = []
  for (const one of all) results.push(await act(one))
  return results
}
