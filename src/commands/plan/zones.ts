import { type RecordFinding, type ZoneCheck, zonesLook } from '../../dns/check.ts'
import { readFacts } from '../../dns/facts.ts'
import type { HostFacts } from '../../dns/record.ts'
import { desiredRecords } from '../../dns/records.ts'
import { resolvers } from '../../dns/servers.ts'
import type { Shell } from '../../engine/shell.ts'
import type { Step } from '../../engine/step.ts'
import { ProvisionError } from '../../errors.ts'
import type { Server } from '../../inventory/inventory.ts'
import type { Io } from '../../session/io.ts'
import type { Opened } from '../../session/open.ts'
import type { ZonesTold } from '../../ui/report.ts'
import { exitCode, summary, zonesTold } from '../../ui/zones.ts'
import { canPublish, type WantedZones } from '../dns/dns-wanted.ts'
import type { ApplyOptions } from './apply-options.ts'

/** How the zones of a server stand beside its plan. */
export interface ZonesSeen {
  readonly facts: HostFacts
  readonly checks: readonly ZoneCheck[]
  readonly told: ZonesTold
  /** 0 as declared, 1 could not look, 2 something differs. */
  readonly code: 0 | 1 | 2
}

/**
 * Asks the zones' name servers for what the inventory alone says, while the host is looked at. What it returns asks for the rest, which
 * follows from the host's keys, and says how the zones stand. Neither throws for the network.
 */
export function zonesAhead(server: Server): (facts: HostFacts) => Promise<ZonesSeen> {
  const known = desiredRecords(server)
  const check = zonesLook([...known.keys()], { resolvers: resolvers(server.dns.lookup) })
  const going = [...known].map(([zone, records]) => {
    const ahead = check(zone, records)
    // Waited for below, unless the host cannot be looked at: then nobody does.
    ahead.catch(() => undefined)
    return { zone, ahead }
  })
  const asked = new Set([...known.values()].flat().map(at))
  return async (facts) => {
    const all = desiredRecords(server, facts)
    const checks = await Promise.all(
      going.map(async ({ zone, ahead }) =>
        joined(
          await ahead,
          await check(
            zone,
            (all.get(zone) ?? []).filter((record) => !asked.has(at(record))),
          ),
        ),
      ),
    )
    return { facts, checks, told: zonesTold(checks, facts.damaged), code: exitCode(checks) }
  }
}

/** Throws ProvisionError, before anything is changed, where the zones cannot be written from here. */
export async function mayPublish({ server, store }: Opened): Promise<void> {
  const { providerOf, publishingKeys } = await import('../../dns/providers.ts')
  await store.open()
  await store.ensure(publishingKeys(server))
  providerOf(server, [])
}

/** What a run does with the zones before its web server asks for certificates. */
export interface BeforeWeb {
  readonly before: (step: Step, shell: Pick<Shell, 'run'>) => Promise<void>
  /** Somebody was asked, and said no: they are not asked again at the end. */
  declined(): boolean
}

/**
 * Publishes the addresses, and all else but what announces a policy that is not served yet, before the step that runs the web server:
 * a CA that finds no address counts a failed validation, and Caddy then waits for minutes to hours. Where nobody agreed to that, or no
 * address is missing or wrong, nothing is done. A failure is reported and ends no run: the end of it publishes once more.
 */
export function beforeWeb({ server, store }: Opened, zones: ZonesSeen | undefined, options: ApplyOptions, io: Io): BeforeWeb {
  let declined = false
  let done = !(zones?.checks ?? []).some(({ findings }) => findings.some(isAddress))
  const before: BeforeWeb['before'] = async ({ resources }, shell) => {
    if (done || !resources.some(({ id }) => id === webUnit)) return
    done = true
    if (!options.publish && (io.ask === undefined || options.yes || !(await canPublish({ server, store })))) return
    try {
      const wanted = announcedLater({ server, store, zones: desiredRecords(server, await readFacts(shell, server)) })
      const { publish } = await import('../dns/dns-publish.ts')
      const { code, changed } = await publish(wanted, { ...options, yes: options.publish === true, others: 'enough' }, io)
      declined = code === 2 && changed === 0 && !options.publish
    } catch (error) {
      if (!(error instanceof ProvisionError)) throw error
      io.report.say(`${error.where}: ${error.message}; the run goes on, and certificates come once the names lead here`)
    }
  }
  return { before, declined: () => declined }
}

const webUnit = 'service:caddy.service'

const isAddress = ({ type, state }: RecordFinding): boolean => (type === 'A' || type === 'AAAA') && state !== 'extra'

/** These records without those that announce an MTA-STS policy: whoever reads one asks for the policy at once. */
export const announcedLater = (wanted: WantedZones): WantedZones => ({
  ...wanted,
  zones: new Map([...wanted.zones].map(([zone, all]) => [zone, all.filter(({ name }) => !name.startsWith('_mta-sts.'))])),
})

/**
 * Publishes what differs in the zones, when the host is as declared: at once with `--publish`, else when somebody says so. Where neither is, it
 * says who can. `made` is a login after a run that has made keys on the host, which are to be published too. Returns whether the zones are as declared then. Throws ProvisionError when the name servers do not say what was published.
 */
export async function publishLeft(
  { server, store, host }: Opened,
  before: ZonesSeen,
  made: Pick<Shell, 'run'> | undefined,
  options: ApplyOptions,
  io: Io,
): Promise<boolean> {
  const { facts, checks } = made === undefined ? before : await zonesAhead(server)(await readFacts(made, server))
  if (exitCode(checks) === 0) return true
  if (checks.every(({ findings }) => findings.length === 0)) return false
  const { publish } = await import('../dns/dns-publish.ts')
  if (options.publish || (io.ask !== undefined && !options.yes && (await canPublish({ server, store })))) {
    const wanted = { server, store, zones: desiredRecords(server, facts) }
    return (await publish(wanted, { ...options, yes: options.publish === true, others: 'enough' }, io)).code === 0
  }
  io.report.say(
    server.dns.provider === 'manual'
      ? `its zones: ${summary(checks)}; “provision dns check --host ${host}” prints each record to publish`
      : `its zones: ${summary(checks)}; --publish writes what is missing or wrong`,
  )
  return false
}

const at = ({ name, type }: { readonly name: string; readonly type: string }): string => `${name} ${type}`

/** Two looks at one zone, for different names. */
const joined = (one: ZoneCheck, other: ZoneCheck): ZoneCheck => ({
  ...one,
  findings: [...one.findings, ...other.findings],
  unknown: [...new Map([...one.unknown, ...other.unknown].map((each) => [`${each.where} ${each.why}`, each])).values()],
})
