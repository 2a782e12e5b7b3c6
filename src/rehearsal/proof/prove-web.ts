import { ProvisionError } from '../../errors.ts'
import { type Domain, mtaStsPolicy, type Server } from '../../inventory/inventory.ts'
import { sh } from '../../sh.ts'
import type { Rehearsal } from '../open.ts'
import type { Proof } from './proof.ts'
import { answered, quicVersions, requestsOf } from './web.ts'

/** What a visitor and another mail server find on 443. */
export function webProofs(rehearsal: Rehearsal, server: Server, password: (name: string) => string): readonly Proof[] {
  const site = server.sites[0]
  return [
    ...(site === undefined
      ? []
      : [
          { title: `https://${site.domain} answers`, try: () => fetchSite(rehearsal, site, password) },
          { title: 'HTTP/3 is spoken on 443/udp', try: () => speaksHttp3(rehearsal) },
          { title: 'the CA never looked for a site in vain', try: () => neverInVain(rehearsal) },
        ]),
    ...server.domains
      .filter(({ mta_sts }) => mta_sts.served === 'here')
      .map((one) => ({
        title: `the MTA-STS policy of ${one.name} is served, without a redirect`,
        try: () => policyServed(rehearsal, one, server.mail.hostname),
      })),
  ]
}

/** A page put there as the admin would, fetched as a visitor would, with the password that the site asks for. */
async function fetchSite(
  rehearsal: Rehearsal,
  { domain, root, basic_auth: auth }: Server['sites'][number],
  password: (name: string) => string,
): Promise<string> {
  await rehearsal.host.must(
    sh`runuser -u "$(stat -c %U ${root})" -- sh -c 'printf "%s\n" "$1" > "$2"' sh ${`the page of ${domain}`} ${`${root}/rehearsal.html`}`,
  )
  const login = auth === undefined ? undefined : `${auth.user}:${password(auth.password.name)}`
  const { body } = await answered(rehearsal, { url: `${domain}/rehearsal.html`, auth: login })
  if (!body.includes(domain)) throw new ProvisionError(domain, `shows another page: ${body}`)
  return `200${auth === undefined ? '' : ', with its password'}`
}

async function speaksHttp3(rehearsal: Rehearsal): Promise<string> {
  const versions = await quicVersions(rehearsal)
  if (!versions.includes(1)) throw new ProvisionError('443/udp', `speaks no QUIC 1, but ${versions.join(' ') || 'nothing'}`)
  return 'QUIC 1'
}

/** A failed validation counts against the CA's limit, and Caddy then waits longer each time. */
async function neverInVain({ host }: Rehearsal): Promise<string> {
  const { obtained, failed } = await requestsOf(host)
  if (failed.length > 0) throw new ProvisionError('caddy', `had ${failed.length} failed validations: ${failed[0]}`)
  return `${obtained.length} certificates, no failed validation`
}

async function policyServed(rehearsal: Rehearsal, domain: Domain, mx: string): Promise<string> {
  const { body, headers } = await answered(rehearsal, { url: `mta-sts.${domain.name}/.well-known/mta-sts.txt` })
  if (body !== mtaStsPolicy(domain, mx) || !/^text\/plain/.test(String(headers['content-type'])))
    throw new ProvisionError(`mta-sts.${domain.name}`, `serves another policy (${headers['content-type']}): ${body}`)
  return domain.mta_sts.mode
}
