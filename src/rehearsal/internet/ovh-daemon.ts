import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import type { OvhKeys } from '../../dns/providers/ovh-client.ts'
import { sh } from '../../sh.ts'
import { until } from '../local.ts'
import type { Machine } from '../machine/machine.ts'
import { namespaceOf } from '../network/network.ts'
import { runningPid, startDetached } from '../processes.ts'
import type { OvhSettings } from './ovh/settings.ts'
import { certificatesFolder } from './services/ca.ts'
import type { State } from './state.ts'

/** OVH’s API in a rehearsal. */
export interface OvhService {
  /** What an inventory calls it by. */
  readonly endpoint: string
  /** Of the host: it may write one zone. */
  readonly host: OvhKeys
  /** Of the operator: it may write all of them. */
  readonly operator: OvhKeys
  /** From now on such calls fail, or the n-th of them, done or not: `POST .*\/record$ 500`, `PUT .* 500 3 done`. None when left out. */
  fail(fault?: string): void
}

/** The pid file of a rehearsal's OVH. */
export const ovhPidFile = (directory: string): string => join(directory, 'ovh', 'pid')

/** Starts OVH’s API for these zones unless it runs. It listens in the small internet, where BIND is, with a certificate of its CA. */
export async function startOvh(
  directory: string,
  { network, world }: Pick<State, 'network' | 'world'>,
  internet: Machine,
  zones: readonly string[],
  hostZone: string,
): Promise<OvhService> {
  const own = join(directory, 'ovh')
  const [settingsFile, faultFile, readyFile, log] = ['settings.json', 'fault', 'ready', 'log'].map((name) => join(own, name)) as [
    string,
    string,
    string,
    string,
  ]
  const address = world.addresses.ovh.v4
  mkdirSync(own, { recursive: true, mode: 0o700 })
  if (!existsSync(settingsFile)) {
    const rules = (path: string) =>
      ['GET', 'POST', 'PUT', 'DELETE'].flatMap((method) => [
        { method, path },
        { method, path: `${path}/*` },
      ])
    const settings: OvhSettings = {
      address,
      cert: await internet.must(sh`cat ${certificatesFolder}/ovh.pem`),
      key: await internet.must(sh`cat ${certificatesFolder}/ovh.key`),
      dns: { address: world.addresses.dns.v4, port: 53 },
      tsig: world.tsig,
      zones,
      granted: [
        { keys: keys(), rules: rules(`/domain/zone/${hostZone}`) },
        { keys: keys(), rules: rules('/domain') },
      ],
      faultFile,
      readyFile,
    }
    writeFileSync(settingsFile, JSON.stringify(settings), { mode: 0o600 })
  }
  if (runningPid(ovhPidFile(directory)) === undefined) {
    rmSync(readyFile, { force: true })
    const program = join(import.meta.dirname, 'ovh', `process${extname(import.meta.filename)}`)
    const inside = ['nsenter', `--net=/run/netns/${namespaceOf(network, 'internet')}`]
    await startDetached({ pidFile: ovhPidFile(directory), log, command: [...inside, process.execPath, program, settingsFile] })
    const wait = { where: 'OVH’s API', what: 'its start', limit: 20_000, evidence: () => readFileSync(log, 'utf8') }
    await until(wait, () => (existsSync(readyFile) ? true : undefined))
  }
  const { granted } = JSON.parse(readFileSync(settingsFile, 'utf8')) as OvhSettings
  return {
    endpoint: `https://${address}/1.0`,
    host: granted[0]!.keys,
    operator: granted[1]!.keys,
    fail: (fault) => {
      if (fault === undefined) rmSync(faultFile, { force: true })
      else writeFileSync(faultFile, `${fault}\n${randomBytes(8).toString('hex')}\n`)
    },
  }
}

const keys = (): OvhKeys => ({
  applicationKey: randomBytes(8).toString('hex'),
  applicationSecret: randomBytes(16).toString('hex'),
  consumerKey: randomBytes(16).toString('hex'),
})
