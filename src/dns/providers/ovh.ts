import { ProvisionError } from '../../errors.ts'
import type { Server } from '../../inventory/inventory.ts'
import { inParallel } from '../client.ts'
import { type OvhCall, OvhError, ovhClient, ovhEndpoints } from './ovh-client.ts'
import { type OvhChange, type OvhRecord, ovhChanges, saidOf } from './ovh-plan.ts'
import type { Provider } from './provider.ts'

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
    publish: async ({ zone: domain, ...change }) => {
      const { zone, all } = await (records.get(domain) ?? read(domain))
      const calls = ovhChanges(zone, all, { zone, ...change })
      for (const [i, one] of calls.entries())
        try {
          await made(zone, one)
        } catch (error) {
          if (error instanceof ProvisionError) throw await cut(zone, calls, i, error)
          throw error
        }
      await call('POST', `/domain/zone/${zone}/refresh`)
    },
    giveOut: async (domain) => {
      const { zone } = await (records.get(domain) ?? read(domain))
      await call('POST', `/domain/zone/${zone}/refresh`)
    },
  }

  function made(zone: string, change: OvhChange): Promise<unknown> {
    const path = `/domain/zone/${zone}/record`
    if (change.method === 'POST') return call('POST', path, change.body)
    return call(change.method, `${path}/${change.id}`, ...(change.method === 'PUT' ? [change.body] : []))
  }

  /** What a publish that was cut off has come to. An alias for which nothing has come yet is put back. */
  async function cut(zone: string, calls: readonly OvhChange[], at: number, cause: ProvisionError): Promise<ProvisionError> {
    const before = at > 0 ? calls[at - 1] : undefined
    const alias = before?.method === 'DELETE' ? before.back : undefined
    const back =
      alias !== undefined &&
      (await made(zone, { method: 'POST', body: alias }).then(
        () => true,
        () => false,
      ))
    const done = at - (back ? 1 : 0)
    return new ProvisionError(
      cause.where,
      `${cause.message}; ${done} of ${calls.length} changes of ${zone} are made${back ? `, and the alias ${alias.subDomain}.${zone} is put back` : ''}`,
      done === 0 ? cause.hint : `${cause.hint ?? 'run it again'}; the next run makes the rest`,
    )
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

function hintOf({ status, message }: OvhError, secret: string): string {
  if (status === undefined) return 'nothing is lost: run it again'
  if (status === 401 || status === 403 || /credential|granted/i.test(message))
    return `the operator’s own key is asked for here (${secret}): https://api.ovh.com/createToken gives one, with GET, POST, PUT and DELETE on /domain/zone/*`
  return 'nothing is lost: run it again'
}
