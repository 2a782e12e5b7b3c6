import { type Domain, localPart, type Server } from '../../../inventory/inventory.ts'
import { reachedAt } from '../../../inventory/reach.ts'
import { bounced } from '../../bounce.ts'
import { blind, type Check, each, error, type Finding, ok, warning } from '../../check.ts'
import { addressesToCheck, type Patient } from '../../patient.ts'

/**
 * A mail of each domain is really sent, to a name that nobody has (.invalid): it comes back with the header that it left the
 * queue with, and is verified as somebody else's server would, from both addresses. It is deleted where it came back.
 */
export const signedMail: Check = {
  id: 'signed-mail',
  title: 'mail of every domain passes SPF, DKIM and DMARC',
  limit: 90_000,
  look: (patient) =>
    each(
      patient.server.domains,
      ({ name }) => name,
      (domain) => ofDomain(patient, domain),
    ),
}

async function ofDomain(patient: Patient, domain: Domain): Promise<readonly Finding[]> {
  const { server, trusted, dns } = patient
  const sender = senderOf(server, domain)
  if (sender === undefined) return [ok(domain.name, 'has no account that could send')]
  const mailbox = { address: sender.address, password: patient.secret(sender.secret) }
  const { message, helo } = await bounced({ host: reachedAt(server), name: server.mail.hostname, trusted, ...mailbox })
  const { authenticate } = await import('mailauth')
  const wrongName =
    helo === server.mail.hostname
      ? []
      : [error(domain.name, `the host calls itself ${helo} when it sends`, 'provision --host X --only maddy')]
  const seen = await Promise.all(
    addressesToCheck(server).map(async ({ address, family }) => {
      const options = { ip: address, helo, sender: sender.address, mta: 'doctor', disableArc: true, disableBimi: true }
      const { dkim, spf, dmarc } = await authenticate(message, { ...options, resolver: dns.raw })
      const signature = dkim.results.find(({ signingDomain }) => signingDomain === domain.name)
      return {
        family,
        dkim: signature?.status.result ?? 'none',
        why: signature?.status.comment ?? '',
        spf: spf === false || spf === undefined ? 'none' : spf.status.result,
        dmarc: dmarc === false || dmarc === undefined ? 'none' : dmarc.status.result,
      }
    }),
  )
  return [...wrongName, ...judged(domain.name, seen)]
}

interface Seen {
  readonly family: string
  readonly dkim: string
  readonly why: string
  readonly spf: string
  readonly dmarc: string
}

/** The signature is the same whichever way a mail leaves; SPF is about the address. Pure. */
export function judged(name: string, seen: readonly Seen[]): readonly Finding[] {
  const [{ dkim, why, dmarc }] = seen as readonly [Seen]
  const mend = 'provision dns check --host X'
  if (seen.some((one) => [one.dkim, one.spf, one.dmarc].includes('temperror')))
    return [blind(name, 'the DNS did not answer all that a receiver asks', 'look again; --resolver ADDRESS')]
  const faults = [
    ...(dkim === 'pass'
      ? []
      : dkim === 'none'
        ? [error(name, 'its mail is not signed by DKIM', 'provision --host X --only maddy')]
        : [error(name, `DKIM ${dkim}${why === '' ? '' : `: ${why}`}`, mend)]),
    ...seen
      .filter(({ spf }) => spf !== 'pass')
      .map(({ family, spf }) => error(name, `SPF ${spf}: its record does not let the ${family} address send`, mend)),
    ...(dmarc === 'none' ? [warning(name, 'there is no DMARC record', mend)] : []),
  ]
  const unmet = faults.length === 0 ? seen.find((one) => one.dmarc !== 'pass') : undefined
  if (unmet !== undefined) return [error(name, `DMARC ${unmet.dmarc}, although SPF and DKIM pass`, mend)]
  return faults.length > 0 ? faults : [ok(name, 'SPF, DKIM and DMARC pass')]
}

/** Who may send as an address of the domain, and get what comes back. */
function senderOf({ mail, domains }: Server, domain: Domain): { readonly address: string; readonly secret: string } | undefined {
  const own = domain.accounts[0]
  const who = own ?? (mail.mode === 'separate' ? undefined : domains.flatMap(({ accounts }) => accounts)[0])
  if (who === undefined) return undefined
  return { address: own?.address ?? `${localPart(who.address)}@${domain.name}`, secret: who.password.name }
}
