import { ProvisionError } from '../../errors.ts'
import type { Server } from '../../inventory.ts'
import { inParallel } from '../client.ts'
import { canonical } from '../data.ts'
import { purpose, type Said } from '../meaning.ts'
import type { DnsRecord } from '../records.ts'
import { characterStrings, dataText } from '../zone.ts'
import { type OvhCall, OvhError, ovhClient, ovhEndpoints } from './ovh-client.ts'
import type { Provider } from './provider.ts'

/** A record as the API has it. */
export interface OvhRecord {
  readonly id: number
  readonly zone: string
  readonly subDomain: string
  readonly fieldType: string
  readonly target: string
  readonly ttl: number
}

type Ovh = Extract<Server['dns'], { readonly provider: 'ovh' }>

/** OVH’s zones, by the operator’s key: the host’s may write one zone only. `ca`: for an endpoint of one's own. */
export function ovh(dns: Ovh, ca: string | undefined): Provider {
  const { application_key, application_secret, consumer_key } = dns.publish
  const endpoint = dns.endpoint in ovhEndpoints ? ovhEndpoints[dns.endpoint as keyof typeof ovhEndpoints] : dns.endpoint
  const keys = {
    applicationKey: application_key.reveal(),
    applicationSecret: application_secret.reveal(),
    consumerKey: consumer_key.reveal(),
  }
  const client = ovhClient(endpoint, keys, { ca })
  const call: OvhCall = async (method, path, body) => {
    try {
      return await client(method, path, body)
    } catch (error) {
      if (!(error instanceof OvhError)) throw error
      throw new ProvisionError(endpoint, error.message, hintOf(error, consumer_key.name))
    }
  }
  const records = new Map<string, Promise<{ readonly zone: string; readonly all: readonly OvhRecord[] }>>()
  const read = async (domain: string) => {
    const zone = await zoneOf(call, domain)
    const ids = await call<readonly number[]>('GET', `/domain/zone/${zone}/record`)
    return { zone, all: await inParallel(8, ids, (id) => call<OvhRecord>('GET', `/domain/zone/${zone}/record/${id}`)) }
  }
  return {
    name: 'OVH',
    look: async (domain, wanted) => {
      const kept = read(domain)
      records.set(domain, kept)
      const there = (await kept).all.map(saidOf)
      return wanted.map(({ name, type }) =>
        there.filter((said) => said.name === name && (said.type === type || said.type === 'CNAME')),
      )
    },
    // What goes, then what comes: an alias stands in the way of anything else. Nobody sees it before the refresh.
    publish: async ({ zone: domain, remove, add }) => {
      const { zone, all } = await (records.get(domain) ?? read(domain))
      const gone = new Set(remove.map(keyOf))
      for (const record of all.filter((one) => gone.has(keyOf(saidOf(one)))))
        await call('DELETE', `/domain/zone/${zone}/record/${record.id}`)
      for (const record of add) await call('POST', `/domain/zone/${zone}/record`, written(record, zone))
      await call('POST', `/domain/zone/${zone}/refresh`)
    },
  }
}

/** The zone of the account that a domain is in. A key may be allowed its own zones only, and not their list. */
async function zoneOf(call: OvhCall, domain: string): Promise<string> {
  const parents = domain.split('.').map((_, i, labels) => labels.slice(i).join('.'))
  for (const zone of parents.slice(0, -1))
    try {
      await call('GET', `/domain/zone/${zone}`)
      return zone
    } catch (error) {
      if (!(error instanceof ProvisionError && /: 40[34] /.test(error.message))) throw error
    }
  throw new ProvisionError(
    domain,
    'no zone of this account holds it, or the key may not see it',
    'the key needs GET, POST, PUT and DELETE on /domain/zone/*',
  )
}

/** Of a TXT the API makes kinds of its own, by what is in it. */
const isText = (fieldType: string): boolean => ['TXT', 'SPF', 'DKIM', 'DMARC'].includes(fieldType)

function saidOf({ subDomain, zone, fieldType, target }: OvhRecord): Said {
  const name = (subDomain === '' ? zone : `${subDomain}.${zone}`).toLowerCase()
  if (isText(fieldType)) return { name, type: 'TXT', data: target.startsWith('"') ? characterStrings(target).join('') : target }
  return { name, type: fieldType as Said['type'], data: canonical({ type: fieldType as Said['type'], data: target }) }
}

/** A key of DKIM is longer than what the API takes as a TXT. */
function written(record: DnsRecord, zone: string) {
  const subDomain = record.name === zone ? '' : record.name.slice(0, -zone.length - 1)
  const dkim = purpose(record) === 'TXT dkim1'
  return { fieldType: dkim ? 'DKIM' : record.type, subDomain, target: dkim ? record.data : dataText(record), ttl: record.ttl }
}

const keyOf = (said: Said): string => [said.name, said.type, canonical(said)].join(' ')

function hintOf({ status, message }: OvhError, secret: string): string {
  if (status === undefined) return 'nothing is lost: run it again'
  if (status === 401 || status === 403 || /credential|granted/i.test(message))
    return `the operator’s own key is asked for here (${secret}): https://api.ovh.com/createToken gives one, with GET, POST, PUT and DELETE on /domain/zone/*`
  return 'nothing is lost: run it again'
}
