import { setTimeout as pause } from 'node:timers/promises'
import { isEmpty, leftAlone } from '../../dns/changes.ts'
import { type ZoneCheck, zonesLook } from '../../dns/check.ts'
import { plannedChange } from '../../dns/planned.ts'
import { providerOf, publishingKeys } from '../../dns/providers.ts'
import type { Said } from '../../dns/record.ts'
import { resolvers } from '../../dns/servers.ts'
import type { ZoneChange } from '../../dns/update.ts'
import { dataText, recordText } from '../../dns/zone.ts'
import { noTerminal, ProvisionError } from '../../errors.ts'
import type { Io } from '../../session/io.ts'
import { checkLines, exitCode } from '../../ui/zones.ts'
import { type DnsOptions, type WantedZones, wantedZones } from './dns-wanted.ts'

/** What `dns publish` may be told. */
export interface PublishOptions extends DnsOptions {
  readonly yes: boolean
  /** What is only added was agreed to already; what is replaced is asked for all the same. */
  readonly agreed?: boolean | undefined
  /** A name server that cannot be asked is reported and fails nothing, as long as others of its zone show what was published. */
  readonly others?: 'enough' | undefined
  /** What is wrong with a zone as a whole, which no record mends, makes the exit code 2. */
  readonly strict?: boolean | undefined
  /** How many seconds the authoritative servers may take to show it. */
  readonly wait?: number | undefined
}

/** Shows what has to change in the zones, asks once, does it, and waits until their authoritative servers say so. Returns the exit code. */
export async function dnsPublish(options: PublishOptions, io: Io): Promise<number> {
  if (!options.yes && io.ask === undefined) throw noTerminal('say --yes to publish, or use “dns check” to look only')
  return publishZones(await wantedZones(options, io), { ...options, strict: true }, io)
}

/** The same for records that are known already, with its end told. */
export async function publishZones(wanted: WantedZones, options: PublishOptions, io: Io): Promise<number> {
  const began = performance.now()
  const { code, changed } = await publish(wanted, options, io)
  const resources = [...wanted.zones.values()].flat().length
  io.report.end({ code, changed, resources, execs: options.offline ? 0 : 1, ms: performance.now() - began })
  return code
}

/** The same, as a part of something else. `yes` or somebody who can be asked is needed. */
export async function publish(
  { server, store, zones }: WantedZones,
  options: PublishOptions,
  io: Io,
): Promise<{ readonly code: number; readonly changed: number }> {
  await store.open()
  await store.ensure(publishingKeys(server))
  const look = { resolvers: resolvers(server.dns.lookup) }
  const provider = providerOf(server, look.resolvers)
  const planned = await Promise.all(
    [...zones].map(async ([zone, records]) => {
      const { change, found } = await plannedChange(provider, zone, records, options)
      return { change, stays: options.prune ? [] : leftAlone(found) }
    }),
  )
  const changes = planned.map(({ change }) => change).filter((change) => !isEmpty(change))
  for (const { change, stays } of planned) io.report.diff(changeLines(change, stays))
  const changed = changes.reduce((sum, { add, remove }) => sum + add.length + remove.length, 0)
  const sure = options.yes || (options.agreed === true && changes.every(({ remove }) => remove.length === 0))
  if (
    changes.length > 0 &&
    !sure &&
    !(await io.ask!.confirm(`Publish ${count(changed, 'change')} in ${count(changes.length, 'zone')} at ${provider.name}?`))
  )
    return { code: 2, changed: 0 }
  for (const change of changes) {
    await provider.publish(change, zones.get(change.zone) ?? [])
    io.report.say(`${change.zone}: published at ${provider.name}`)
  }
  const check = zonesLook([...zones.keys()], look)
  const seen = async () => (await Promise.all([...zones].map(([zone, records]) => check(zone, records)))).map(withoutWildcards)
  let checks: readonly ZoneCheck[] = await seen()
  // It was written and never given out: a run that died, an API that failed at the last step.
  const silent = checks.filter(({ zone, findings }) => findings.length > 0 && !changes.some((change) => change.zone === zone))
  for (const { zone } of provider.giveOut === undefined ? [] : silent) {
    io.report.say(`${zone}: was written by a run that was cut off, and is given out now`)
    await provider.giveOut?.(zone)
  }
  checks = await until(checks, seen, options.wait ?? 600, io)
  for (const check of checks) io.report.diff(checkLines(check))
  const code = exitCode(checks.map(withoutExtra(options.prune === true)).map(options.others === 'enough' ? withoutDown : same))
  if (code === 2)
    throw new ProvisionError(
      'the zones',
      `are written, and their name servers do not say so after ${options.wait ?? 600} s`,
      '“provision dns check” shows when they do',
    )
  return { code: code === 0 && options.strict === true && checks.some(({ trouble }) => trouble.length > 0) ? 2 : code, changed }
}

/** Asks again, less and less often, until nothing is left that was to be published. */
async function until(first: readonly ZoneCheck[], seen: () => Promise<readonly ZoneCheck[]>, seconds: number, io: Io) {
  const end = performance.now() + seconds * 1000
  let checks = first
  for (let rest = 200; waited(checks) && performance.now() < end; rest = Math.min(rest * 1.5, 10_000)) {
    if (rest === 200) io.report.say('waiting for the authoritative name servers')
    await pause(Math.min(rest, Math.max(0, end - performance.now())))
    checks = await seen()
  }
  return checks
}

const waited = (checks: readonly ZoneCheck[]): boolean =>
  checks.some(({ findings }) => findings.some(({ state, ours }) => state !== 'extra' || ours))

/** For an address of ours that is gone a wildcard above may answer, with the same. */
const withoutWildcards = (check: ZoneCheck): ZoneCheck => ({
  ...check,
  findings: check.findings.filter(({ ours, type }) => !(ours && (type === 'A' || type === 'AAAA'))),
})

/** What is too much and stays was told with the plan: it is no failure. */
const withoutExtra =
  (prune: boolean) =>
  (check: ZoneCheck): ZoneCheck => ({
    ...check,
    trouble: [],
    findings: check.findings.filter(({ state, ours }) => prune || ours || state !== 'extra'),
  })

const same = (check: ZoneCheck): ZoneCheck => check

/** A server that cannot be asked, beside others that can, is no failure of what was published. */
const withoutDown = (check: ZoneCheck): ZoneCheck => ({ ...check, unknown: check.unknown.filter(({ others }) => !others) })

/** A change of a zone as an operator reads it, with what is too much and stays. */
export function changeLines({ zone, add, remove }: ZoneChange, stays: readonly Said[]): readonly string[] {
  if (add.length + remove.length + stays.length === 0) return []
  const said = (one: Said) => `${one.name}. ${one.type} ${dataText(one)}`
  return [
    `${zone}:`,
    ...remove.map((one) => `  - ${said(one)}`),
    ...add.map((record) => `  + ${recordText(record)}`),
    ...stays.map((one) => `  – stays, and --prune takes it away: ${said(one)}`),
  ]
}

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`
