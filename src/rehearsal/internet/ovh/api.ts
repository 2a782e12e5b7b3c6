import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, RequestListener } from 'node:http'
import { text as readAll } from 'node:stream/consumers'
import { type OvhKeys, ovhSignature } from '../../../dns/providers/ovh-client.ts'
import type { OvhRecord } from '../../../dns/providers/ovh-plan.ts'
import type { OvhZones } from './zones.ts'

/** What a key may do, as OVH writes it: a `*` stands for anything. */
export interface AccessRule {
  readonly method: string
  readonly path: string
}

/** A key that somebody has, and what it may do. */
export interface Granted {
  readonly keys: OvhKeys
  readonly rules: readonly AccessRule[]
}

/** The API is down for what matches: `POST .*\/record$` with 500. */
export interface Fault {
  readonly call: RegExp
  readonly status: number
  /** Only the n-th such call; each of them when left out. */
  readonly nth?: number | undefined
  /** What was asked for is done all the same. */
  readonly done?: boolean | undefined
}

/**
 * The part of OVH’s API that writes zones: its clock, keys, signatures, rules and errors as OVH’s clients meet them.
 * `fault` is asked at each call, and gives the same object as long as it is the same.
 */
export function ovhApi(zones: OvhZones, granted: readonly Granted[], fault: () => Fault | undefined): RequestListener {
  const all = [...granted]
  const pending = new Map<string, Granted>()
  const counted = new Map<Fault, number>()
  /** The fault that this call meets. */
  const met = (call: string): Fault | undefined => {
    const now = fault()
    if (now?.call.test(call) !== true) return undefined
    counted.set(now, (counted.get(now) ?? 0) + 1)
    return now.nth === undefined || counted.get(now) === now.nth ? now : undefined
  }
  return (request, response) => {
    const answer = async () => {
      const url = new URL(`https://${request.headers.host}${request.url}`)
      const path = url.pathname.replace(/^\/1\.0/, '')
      const body = await readAll(request)
      const broken = met(`${request.method} ${path}`)
      const problem = broken && new Problem(broken.status, 'INTERNAL_ERROR', 'Internal server error')
      if (problem !== undefined && !broken?.done) throw problem
      if (path === '/auth/time') return Math.floor(Date.now() / 1000)
      if (path === '/auth/credential') return ask(request, body, url.origin)
      if (path === '/auth/validate') return validate(url)
      const key = keyOf(request, body, url.href)
      const method = request.method ?? ''
      if (!key.rules.some((rule) => rule.method === method && matches(rule.path, path)))
        throw new Problem(403, 'NOT_GRANTED_CALL', 'This call has not been granted')
      const value = await zonesCall(zones, method, path, url.searchParams, body)
      if (problem !== undefined) throw problem
      return value
    }
    answer().then(
      (value) => send(200, value),
      (error: unknown) => {
        const { status, code, message } = error instanceof Problem ? error : new Problem(500, 'INTERNAL_ERROR', String(error))
        send(status, { errorCode: code, httpCode: `${status} Error`, message })
      },
    )
    const send = (status: number, value: unknown) =>
      response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8' }).end(JSON.stringify(value ?? null))
  }

  /** Somebody asks for a key: it is good once its owner has said so at the address that comes with it. */
  function ask(request: IncomingMessage, body: string, origin: string) {
    const application = String(request.headers['x-ovh-application'])
    const known = all.find(({ keys }) => keys.applicationKey === application)
    if (known === undefined) throw new Problem(403, 'INVALID_KEY', 'This application key is invalid')
    const { accessRules } = jsonOf(body) as { readonly accessRules: readonly AccessRule[] }
    const [consumerKey, token] = [randomBytes(16).toString('hex'), randomBytes(32).toString('hex')]
    pending.set(token, { keys: { ...known.keys, consumerKey }, rules: accessRules })
    return { consumerKey, validationUrl: `${origin}/1.0/auth/validate?credentialToken=${token}`, state: 'pendingValidation' }
  }

  function validate(url: URL) {
    const token = url.searchParams.get('credentialToken') ?? ''
    const asked = pending.get(token)
    if (asked === undefined) throw new Problem(404, 'NOT_FOUND', 'This credential does not exist')
    pending.delete(token)
    all.push(asked)
    return { state: 'validated' }
  }

  function keyOf(request: IncomingMessage, body: string, url: string): Granted {
    const header = (name: string) => String(request.headers[`x-ovh-${name}`] ?? '')
    const mine = all.filter(({ keys }) => keys.applicationKey === header('application'))
    if (mine.length === 0) throw new Problem(403, 'INVALID_KEY', 'This application key is invalid')
    const found = mine.find(({ keys }) => keys.consumerKey === header('consumer'))
    if (found === undefined) throw new Problem(403, 'INVALID_CREDENTIAL', 'This credential is not valid')
    const time = Number(header('timestamp'))
    if (!(Math.abs(time - Date.now() / 1000) < 300)) throw new Problem(400, 'QUERY_TIME_OUT', 'Query out of time')
    const expected = Buffer.from(ovhSignature(found.keys, { method: request.method ?? '', url, body, time }))
    const given = Buffer.from(header('signature'))
    if (given.length !== expected.length || !timingSafeEqual(given, expected))
      throw new Problem(400, 'INVALID_SIGNATURE', 'Invalid signature')
    return found
  }
}

class Problem extends Error {
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

const matches = (rule: string, path: string): boolean =>
  new RegExp(
    `^${rule
      .split('*')
      .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
      .join('.*')}$`,
  ).test(path)

function jsonOf(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    throw new Problem(400, 'BAD_REQUEST', 'Invalid JSON received')
  }
}

async function zonesCall(zones: OvhZones, method: string, path: string, query: URLSearchParams, body: string): Promise<unknown> {
  if (method === 'GET' && (path === '/domain' || path === '/domain/zone')) return zones.names
  const [, zone = '', rest = ''] = /^\/domain\/zone\/([^/]+)(\/.*)?$/.exec(path) ?? []
  if (!zones.names.includes(zone)) throw new Problem(404, 'NOT_FOUND', 'This service does not exist')
  if (method === 'GET' && rest === '') return { name: zone, dnssecSupported: true, hasDnsAnycast: false }
  if (method === 'POST' && rest === '/refresh') return zones.refresh(zone)
  if (method === 'GET' && rest === '/record')
    return (await zones.list(zone))
      .filter(({ fieldType }) => (query.get('fieldType') ?? fieldType) === fieldType)
      .filter(({ subDomain }) => (query.get('subDomain') ?? subDomain) === subDomain)
      .map(({ id }) => id)
  const records = await zones.listed(zone)
  if (method === 'POST' && rest === '/record') return zones.add(recordOf(zone, jsonOf(body), records))
  const id = /^\/record\/(\d+)$/.exec(rest)?.[1]
  const record = records.find((one) => String(one.id) === id)
  if (record === undefined) throw new Problem(404, 'NOT_FOUND', `The requested object (id = ${id}) does not exist`)
  if (method === 'GET') return record
  if (method === 'DELETE') return zones.remove(record)
  if (method !== 'PUT') throw new Problem(405, 'METHOD_NOT_ALLOWED', 'Method not allowed')
  const { fieldType, ...given } = jsonOf(body) as Partial<OvhRecord>
  if (fieldType !== undefined && fieldType !== record.fieldType)
    throw new Problem(400, 'BAD_REQUEST', 'You cannot alter read-only properties: fieldType')
  zones.remove(record)
  await zones.add(recordOf(zone, { ...record, ...given }, records))
}

function recordOf(zone: string, given: unknown, there: readonly OvhRecord[]): Omit<OvhRecord, 'id'> {
  const { fieldType = '', subDomain = '', target = '', ttl = 0 } = given as Partial<OvhRecord>
  if (!['A', 'AAAA', 'CAA', 'CNAME', 'DKIM', 'DMARC', 'MX', 'NS', 'SPF', 'SRV', 'TLSA', 'TXT'].includes(fieldType))
    throw new Problem(400, 'BAD_REQUEST', `Invalid fieldType “${fieldType}”`)
  if (target === '') throw new Problem(400, 'BAD_REQUEST', 'Missing target')
  if (fieldType === 'TXT' && !target.startsWith('"') && target.length > 255)
    throw new Problem(400, 'BAD_REQUEST', 'A TXT of more than 255 characters')
  const others = there.filter((one) => one.subDomain === subDomain)
  if (others.some((one) => (one.fieldType === 'CNAME') !== (fieldType === 'CNAME')))
    throw new Problem(409, 'CONFLICT', 'A CNAME and another record cannot stand at the same name')
  return { zone, subDomain, fieldType, target, ttl }
}
