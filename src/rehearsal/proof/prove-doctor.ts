import { type Check, type Finding, worst } from '../../doctor/check.ts'
import { outboundMail } from '../../doctor/checks/inside/outbound-mail.ts'
import { authBeforeTls } from '../../doctor/checks/outside/auth-before-tls.ts'
import { certificateCheck } from '../../doctor/checks/outside/certificate.ts'
import { clientSettings } from '../../doctor/checks/outside/client-settings.ts'
import { greeting } from '../../doctor/checks/outside/greeting.ts'
import { openRelay } from '../../doctor/checks/outside/open-relay.ts'
import { reverseNames } from '../../doctor/checks/outside/reverse-names.ts'
import { sites } from '../../doctor/checks/outside/sites.ts'
import { dnsThrough } from '../../doctor/dns.ts'
import type { Patient } from '../../doctor/patient.ts'
import { line } from '../../doctor/told.ts'
import type { Server } from '../../inventory/inventory.ts'
import { until } from '../local.ts'
import type { Rehearsal } from '../open.ts'
import { trusting } from './mail.ts'
import type { Proof } from './proof.ts'

/** What the doctor sees of a finished server before its keys are published. Sites get their certificates first: that is waited for. */
export function doctorProofs(rehearsal: Rehearsal, server: Server, secret: (name: string) => string): readonly Proof[] {
  const resolver = rehearsal.addresses.roles.resolver.v4
  const patient: Patient = {
    ...{ server, playbooks: [], secret, resolver, dns: dnsThrough(resolver) },
    trusted: [trusting(rehearsal, server.mail.hostname).ca.toString()],
    on: (script) => rehearsal.host.must(script),
  }
  return [openRelay, authBeforeTls, greeting, reverseNames, certificateCheck, outboundMail, sites, clientSettings].map(
    (check) => ({
      title: check.title,
      try: () => well(check, patient),
    }),
  )
}

async function well(check: Check, patient: Patient): Promise<string> {
  let last: readonly Finding[] = []
  const evidence = () =>
    last
      .filter(({ verdict }) => verdict !== 'ok')
      .map((one) => line(check.id, one))
      .join('\n')
  return until({ where: check.id, what: check.title, limit: 60_000, evidence }, async () => {
    last = await check.look(patient)
    return worst(last.map(({ verdict }) => verdict)) === 'ok' ? (last[0]?.message ?? '') : undefined
  })
}
