import { ProvisionError } from '../errors.ts'
import { type Domain, mtaStsPolicy, type Server } from '../inventory.ts'
import { sh } from '../sh.ts'
import { arrived, fromPeer, type Mailbox, reachedPeer, recipientAnswer, submit } from './mail.ts'
import type { Rehearsal } from './open.ts'
import { peerDomain } from './service.ts'
import { answered, type Question, quicVersions } from './web.ts'

/** One thing that a finished server does, tried with a real client. Throws when it does not. */
export interface Proof {
  readonly title: string
  try(): Promise<string>
}

/** What is tried at the end of a rehearsal. `password` gives the value of a secret. */
export function proofs(rehearsal: Rehearsal, server: Server, password: (name: string) => string): readonly Proof[] {
  const account = server.domains.flatMap(({ accounts }) => accounts)[0]
  const mailbox = account && { address: account.address, password: password(account.password.name) }
  const site = server.sites[0]
  return [
    ...(mailbox === undefined
      ? []
      : [
          {
            title: `a mail sent over 465 is read over 993 by ${mailbox.address}`,
            try: () => toItself(rehearsal, server, mailbox),
          },
          {
            title: `a mail of ${peerDomain} arrives on 25`,
            try: async () => arrived(rehearsal, server, mailbox, await fromPeer(rehearsal, mailbox.address)),
          },
          { title: `a mail reaches ${peerDomain}`, try: () => toPeer(rehearsal, server, mailbox) },
          { title: 'port 25 outwards is maddy’s alone', try: () => onlyMaddy(rehearsal) },
          { title: 'mail for strangers is refused on 25', try: () => noRelay(rehearsal) },
        ]),
    ...(site === undefined
      ? []
      : [
          { title: `https://${site.domain} answers`, try: () => fetchSite(rehearsal, site, password) },
          { title: `http://${site.domain} leads there`, try: () => redirects(rehearsal, site.domain) },
          { title: 'HTTP/3 is spoken on 443/udp', try: () => speaksHttp3(rehearsal) },
        ]),
    ...server.domains
      .filter(({ mta_sts }) => mta_sts.served === 'here')
      .map((one) => ({
        title: `the MTA-STS policy of ${one.name} is served, without a redirect`,
        try: () => policyServed(rehearsal, one, server.mail.hostname),
      })),
    ...server.domains.map((one) => ({
      title: `mail clients set themselves up for ${one.name}`,
      try: () => clientsSetUp(rehearsal, one, server.mail.hostname),
    })),
  ]
}

async function toItself(rehearsal: Rehearsal, server: Server, mailbox: Mailbox): Promise<string> {
  return arrived(rehearsal, server, mailbox, await submit(rehearsal, server, mailbox, { to: mailbox.address }))
}

async function toPeer(rehearsal: Rehearsal, server: Server, mailbox: Mailbox): Promise<string> {
  await reachedPeer(rehearsal, await submit(rehearsal, server, mailbox, { to: `friend@${peerDomain}` }))
  return 'delivered'
}

/** Asked for by address, so that nobody’s resolver has a part in it. */
async function onlyMaddy({ host, addresses: { roles } }: Rehearsal): Promise<string> {
  const answer = async (user: string, address: string) =>
    (await host.run(sh`timeout 5 runuser -u ${user} -- bash -c 'exec 3<>"/dev/tcp/$1/25"; head -n 1 <&3' bash ${address} 2>&1`))
      .stdout
  for (const address of [roles.peer.v4, roles.peer.v6])
    for (const [user, expected] of [
      ['root', /Connection refused/],
      ['caddy', /Connection refused/],
      ['maddy', /^220 /],
    ] as const) {
      const seen = await answer(user, address)
      if (!expected.test(seen)) throw new ProvisionError(`${user} at ${address}`, `was not answered ${expected.source}: ${seen}`)
    }
  return 'root and caddy are refused'
}

async function noRelay(rehearsal: Rehearsal): Promise<string> {
  const answer = await recipientAnswer(rehearsal, 'someone@elsewhere.example')
  if (!answer.startsWith('5')) throw new ProvisionError(rehearsal.host.address, `takes mail for strangers: ${answer}`)
  return answer
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

async function redirects(rehearsal: Rehearsal, domain: string): Promise<string> {
  const { headers } = await answered(rehearsal, { url: `${domain}/a?b`, scheme: 'http' }, 308)
  if (headers.location !== `https://${domain}/a?b`) throw new ProvisionError(domain, `redirects to ${headers.location}`)
  return `308 to ${headers.location}`
}

async function speaksHttp3(rehearsal: Rehearsal): Promise<string> {
  const versions = await quicVersions(rehearsal)
  if (!versions.includes(1)) throw new ProvisionError('443/udp', `speaks no QUIC 1, but ${versions.join(' ') || 'nothing'}`)
  return 'QUIC 1'
}

async function policyServed(rehearsal: Rehearsal, domain: Domain, mx: string): Promise<string> {
  const { body, headers } = await answered(rehearsal, { url: `mta-sts.${domain.name}/.well-known/mta-sts.txt` })
  if (body !== mtaStsPolicy(domain, mx) || !/^text\/plain/.test(String(headers['content-type'])))
    throw new ProvisionError(`mta-sts.${domain.name}`, `serves another policy (${headers['content-type']}): ${body}`)
  return domain.mta_sts.mode
}

/** As the clients ask: Thunderbird gets, Outlook posts, Apple’s browser gets a profile. Each is told our names and ports. */
async function clientsSetUp(rehearsal: Rehearsal, { name }: Domain, mx: string): Promise<string> {
  const questions: readonly Question[] = [
    { url: `autoconfig.${name}/mail/config-v1.1.xml?emailaddress=somebody@${name}` },
    { url: `autodiscover.${name}/Autodiscover/Autodiscover.xml`, method: 'POST', body: '<Autodiscover/>' },
    { url: `autoconfig.${name}/apple.mobileconfig` },
  ]
  for (const question of questions) {
    const { body } = await answered(rehearsal, question)
    const lacking = [mx, '993', '465'].filter((word) => !body.includes(word))
    if (lacking.length > 0) throw new ProvisionError(question.url, `does not tell ${lacking.join(' ')}: ${body}`)
  }
  return 'Thunderbird, Outlook, Apple'
}
