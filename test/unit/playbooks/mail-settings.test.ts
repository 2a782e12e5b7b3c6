import assert from 'node:assert/strict'
import { test } from 'node:test'
import { caddyfile } from '../../../files/etc/caddy/Caddyfile.ts'
import { apple, outlook, thunderbird } from '../../../files/var/caddy/mail/settings.ts'
import { mtaStsPolicy } from '../../../src/inventory/inventory.ts'
import { referencePlaybooks, referenceServer } from '../../support/reference.ts'

const settings = { domain: 'a.example', mx: 'mx1.b.example' }
const contents = new Map(
  referencePlaybooks(referenceServer())
    .flatMap(({ steps }) => steps.flatMap(({ resources }) => resources))
    .map(({ id, desired }) => [id, (desired as { content?: string }).content]),
)

test('mail settings: server, ports and user name in each client’s own words', () => {
  assert.match(thunderbird(settings), /<hostname>mx1\.b\.example<\/hostname>\s*<port>993<[\s\S]*<port>465<[\s\S]*%EMAILADDRESS%/)
  assert.match(outlook(settings), /<Type>IMAP<\/Type>\s*<Server>mx1\.b\.example<\/Server>\s*<Port>993<[\s\S]*<Port>465</)
  assert.match(apple(settings), /<key>IncomingMailServerHostName<\/key><string>mx1\.b\.example<\/string>/)
})

test('mail settings: a profile is the same one each time, and another one for another domain', () => {
  const uuids = (text: string) => [...text.matchAll(/PayloadUUID<\/key><string>([^<]*)/g)].map(([, uuid]) => uuid)
  const all = [...uuids(apple(settings)), ...uuids(apple({ ...settings, domain: 'b.example' }))]
  assert.equal(new Set(all).size, 4)
  for (const uuid of all) assert.match(uuid!, /^[0-9A-F]{8}-[0-9A-F]{4}-8[0-9A-F]{3}-A[0-9A-F]{3}-[0-9A-F]{12}$/)
  assert.deepEqual(uuids(apple(settings)), uuids(apple(settings)))
})

test('MTA-STS: what is served is what is announced, and only for domains that serve it here', () => {
  const { domains, mail } = referenceServer()
  for (const domain of domains)
    assert.equal(
      contents.get(`file:/var/caddy/mail/${domain.name}/mta-sts.txt`),
      domain.name === 'rnmkcy.eu' ? undefined : mtaStsPolicy(domain, mail.hostname),
    )
})

test('Caddyfile: a name for each kind of client, and for the policy where it is served', () => {
  const mail = [
    { domain: 'a.example', folder: '/a', policy: true },
    { domain: 'b.example', folder: '/b', policy: false },
  ]
  const text = caddyfile({ directory: 'https://ca', sites: [], mail })
  assert.match(text, /^autoconfig\.a\.example, autodiscover\.a\.example \{\n\timport settings \/a\n\}$/m)
  assert.match(text, /^mta-sts\.a\.example \{\n\timport policy \/a\n\}$/m)
  assert.doesNotMatch(text, /mta-sts\.b/)
  assert.match(text, /^autoconfig\.b\.example/m)
})
