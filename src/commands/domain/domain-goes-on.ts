import { rootCertificates } from 'node:tls'
import { checkZone } from '../../dns/check.ts'
import { resolvers } from '../../dns/servers.ts'
import { checks } from '../../doctor/checks.ts'
import { CouldNotLook } from '../../doctor/could-not-look.ts'
import { dnsThrough } from '../../doctor/dns.ts'
import { examine, type Result } from '../../doctor/examine.ts'
import type { Patient } from '../../doctor/patient.ts'
import type { Inventory, Server } from '../../inventory/inventory.ts'
import type { Io } from '../../session/io.ts'
import { type Opened, open } from '../../session/open.ts'
import { nextCommand } from '../../ui/next-command.ts'
import { resultLines } from '../../ui/verdicts.ts'
import { dkimLines } from '../dns/dns-lines.ts'
import { publishZones } from '../dns/dns-publish.ts'
import { canPublish, wantedZones } from '../dns/dns-wanted.ts'
import { type ChangeOptions, correctHost, known, near } from '../inventory/change.ts'
import { sitesAnswer } from '../plan/sites-answer.ts'
import { announcedLater } from '../plan/zones.ts'

/**
 * A domain that stands in the inventory, until a mail of it is signed and found good: mail, records, web, then the policy that is
 * announced once it is served. What is done already is found done: whatever stopped it, the same command goes on. Returns the exit code.
 */
export async function goOn(domain: string, options: ChangeOptions, io: Io, { file, ...held }: Inventory): Promise<number> {
  const part = async (id: string) => correctHost(await known([id], options, io), { ...options, domain }, io, near(file))
  const code = await part('maddy')
  if (code !== 0) return code
  if (!(await canPublish(held))) return byHand(domain, options, io, () => part('caddy'))
  const wanted = await wantedZones({ ...options, domain }, io)
  const published = await publishZones(announcedLater(wanted), { ...options, agreed: true, others: 'enough' }, io)
  if (published !== 0) return published
  const web = await part('caddy')
  if (web !== 0) return web
  // Where this run has changed Caddy it has waited already.
  await sitesAnswer(wanted.server, io, { domain, limit: 20_000 })
  const announced = await publishZones(wanted, { ...options, agreed: true, others: 'enough' }, io)
  return announced === 0 ? verdict(domain, options, io) : announced
}

/** The operator publishes the records: they were printed, and what follows waits for them. */
async function byHand(domain: string, options: ChangeOptions, io: Io, web: () => Promise<number>): Promise<number> {
  const code = await web()
  if (code !== 0) return code
  const { server, zones } = await wantedZones({ ...options, domain }, io)
  const { findings, unknown } = await checkZone(domain, zones.get(domain) ?? [], { resolvers: resolvers(server.dns.lookup) })
  if (findings.length === 0 && unknown.every(({ others }) => others)) return verdict(domain, options, io)
  io.report.diff(await dkimLines(domain, server.dns.ttl, options, io))
  io.report.say('not all of its records are published yet; this prints each:')
  io.report.say(`  ${nextCommand(['dns', 'check', '--domain', domain], options)}`)
  io.report.say('once they are, continue with:')
  io.report.say(`  ${nextCommand(['domain', 'add', domain], options)}`)
  return 0
}

/** Sends a mail of it and looks at what strangers see. Returns the exit code: 0 all well, 1 could not look, 2 something is not. */
async function verdict(domain: string, options: ChangeOptions, io: Io): Promise<number> {
  const results = await looked(domain, options, io)
  io.report.diff(results.flatMap(resultLines))
  const verdicts = results.flatMap(({ findings }) => findings.map((one) => one.verdict))
  if (verdicts.includes('could not look')) return 1
  if (verdicts.includes('error')) return 2
  io.report.diff([`${domain} works: a mail from it was sent, came back, and passes SPF, DKIM and DMARC`])
  return 0
}

/** Everything that strangers see of it. */
async function looked(domain: string, options: ChangeOptions, io: Io): Promise<readonly Result[]> {
  const opened = await open(options, io)
  try {
    const chosen = checks.filter(({ id }) => ['dns', 'mta-sts', 'client-settings', 'signed-mail'].includes(id))
    return await examine(chosen, await patientOf(opened, domain))
  } finally {
    await opened.close()
  }
}

const trustedOf = ({ ca }: Server['acme']): readonly string[] => [...rootCertificates, ...(ca === undefined ? [] : [ca])]

/** The server as far as it is of this domain. */
async function patientOf({ server, store, playbooks, connection }: Opened, domain: string): Promise<Patient> {
  await store.open()
  return {
    server: {
      ...server,
      domains: server.domains.filter(({ name }) => name === domain),
      sites: server.sites.filter((site) => site.domain === domain),
    },
    playbooks,
    dns: dnsThrough(server.dns.lookup),
    resolver: server.dns.lookup,
    trusted: trustedOf(server.acme),
    on: async (script) => {
      const { code, stdout, stderr } = await connection.run(script)
      if (code !== 0) throw new CouldNotLook(`the host could not check: ${stderr.trim().split('\n').at(-1)}`)
      return stdout
    },
    secret: (name) => {
      const value = store.value(name)
      if (value === undefined) throw new CouldNotLook(`the secret ${name} is not known here`)
      return value
    },
  }
}
