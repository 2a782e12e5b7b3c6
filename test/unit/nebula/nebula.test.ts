import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nebulaConfig } from '../../../files/etc/nebula/config.yml.ts'
import { nebulaNode, networkOf, openings } from '../../../src/inventory/inventory.ts'
import { certificatesIn, signedBy } from '../../../src/nebula/certificate.ts'
import { makeCa, signNode } from '../../../src/nebula/sign.ts'
import { Secret } from '../../../src/secret.ts'
import { referencePlaybooks, referenceServer } from '../../support/reference.ts'

/** What nebula-cert 1.11.1 made, in each version and with each curve; they are good until 2126. */
const made = {
  'ca1.crt': `-----BEGIN NEBULA CERTIFICATE-----
CjUKA2NhMSjx8obYBjDxrue3Ejog7eNJ+/4MqJmTzlf1dYtVSMcSV5humphoQrnw
ApI23HBAARJAED8n3vpTgKUQNXYzvRo39nhlmTiOBqZzpAew7gQTgypvYOYncyGH
q5wmJwQ5aOQIm0APFy3Hja5NewpngkN/Ag==
-----END NEBULA CERTIFICATE-----`,
  'n1.crt': `-----BEGIN NEBULA CERTIFICATE-----
Cl8KAm4xEgmF7sxQgP7//w8o8fKG2AYw8YDBrRI6IMcFLPKYjk4iC6o/Zk+FPUQz
x/CcdB7Ac8zgM85cDF9gSiDHWz0igZQaHsGzG72fl8cxnJ+HFN44AkTtE+fa0iC6
2hJAyxpzCKDkJXvirzVmvKfvASP2foVY07IE9MKpGs/nHcl6XuBNlPbHCf4eEjgK
e73PAfNX8z4Fx2z7gTDBTP2pDg==
-----END NEBULA CERTIFICATE-----`,
  'n1.key': `-----BEGIN NEBULA X25519 PRIVATE KEY-----
ag0nBwGZ5ZP2SUr0NwER3w0krTFKVcpKS1o7bITYfR0=
-----END NEBULA X25519 PRIVATE KEY-----`,
  'ca2.crt': `-----BEGIN NEBULA CERTIFICATE V2-----
MHugFYADY2EyhAH/hQRrAblxhgUBJvnXcYIgCua3vhwFG6bVMtVVprxizi1sCUF+
v+Gd1dr8KwvBDJqDQNFSfPbM8V6JRzjzWJQbKiosjHrg3Iwj82NLTH3vtjKYbk+i
5TMgTwTnY5Z5TZS6an60ObL+9g0d7ZP/RjO2eQg=
-----END NEBULA CERTIFICATE V2-----`,
  'n2.crt': `-----BEGIN NEBULA CERTIFICATE V2-----
MIGioDyAAm4yoQcEBQoTNwUYhQRrAblxhgUBJbBAcYcgmkjIjBk79XB3cTw5NwwX
zZNazkmZ1VcaRT7hH7oEp3qCIMf+WkQteKD6SJrX6v/Lx4N7OfqDlO/ISu9UTgJQ
bLtOg0B2WnS0+3CicCF/iHga4Exyg5tv/VZ2xvSPBI9Tra92Ne9nh0y1UR1psqvw
knCe2UyAotkdmiGhJZg0GSrUjyoO
-----END NEBULA CERTIFICATE V2-----`,
  'n2.key': `-----BEGIN NEBULA X25519 PRIVATE KEY-----
qXSXyKFK0i67d9LbEerhC8v04YXNP1knMd7zyYKC2aU=
-----END NEBULA X25519 PRIVATE KEY-----`,
  'cap.crt': `-----BEGIN NEBULA CERTIFICATE V2-----
MIGloBWAA2NhcIQB/4UEawG5cYYFASb513GBAQGCQQTKtvVC2lSODXhAtLxlR5xd
ylY3VC7jx65bh3sH3jutamumwsdJFpqXtU+uvEVHRg739m6nGm8XuzpR0402cnJl
g0YwRAIgWkhPzfPNftbfvBVhiDLKMc1C/IhE6e6Iu+Fv4F8gXwECICX9sWlLNxdQ
GmF3CIY9VA8IPS2FvA4+LBk9wkGqDAOn
-----END NEBULA CERTIFICATE V2-----`,
  'np.crt': `-----BEGIN NEBULA CERTIFICATE V2-----
MIHfoE+AAm5woRoEBQoTNwUYBBH9AAAZAAAAAAAAAAAAAAAFQIUEawG5cYYFASWw
QHGHIMHaGUeE8OD2xF2etvrBsnavNz2D70f9AHoU0AM8lLs0gQEBgkEEjwAHu9nr
33q/gbu21nL7v0vn+5/qylYmA4aJVgitLz28RfxIB9kTlaI1xWLm4mEzXi4WemXQ
KNd9tiaBz9IWHYNGMEQCIHb58S0ICze1itnoNdSS0P5bLObousDDW7hZgjKRBLDw
AiAIncmDOdorQMQ7546+eFxDTKNdKA8jyGhIqaWbxCNw6Q==
-----END NEBULA CERTIFICATE V2-----`,
} as const

const one = (name: keyof typeof made) => certificatesIn(made[name])[0]!

test('nebula: certificates of both versions and both curves are read, and their CA is known', () => {
  for (const [node, ca, version, networks, fingerprint] of [
    ['n1.crt', 'ca1.crt', 1, ['10.19.55.5/24'], '3b650a47236dbbaae70360d9980c647d075fd89e8434f09b5b08a841501040ca'],
    ['n2.crt', 'ca2.crt', 2, ['10.19.55.5/24'], '3655c6f3c4bee2759f5a5bda92f0ef8524a5ff5a9a29b467470d73a27bdfeecd'],
    [
      'np.crt',
      'cap.crt',
      2,
      ['10.19.55.5/24', 'fd00:0019:0000:0000:0000:0000:0000:0005/64'],
      'd0c089756cea1526d631af358517eba1075606f2ee05c3651e2409dbd6e89571',
    ],
  ] as const) {
    const read = one(node)
    assert.deepEqual(
      [read.version, read.name, read.networks, read.ca, read.to.toISOString(), read.fingerprint],
      [version, node.replace('.crt', ''), networks, false, '2126-02-20T15:32:01.000Z', fingerprint],
    )
    assert.ok(one(ca).ca)
    assert.ok(signedBy(read, one(ca)))
  }
  assert.ok(!signedBy(one('n1.crt'), one('ca2.crt')))
  const forged = { ...one('n2.crt'), signature: Buffer.from(one('n2.crt').signature).fill(7, 3, 9) }
  assert.ok(!signedBy(forged, one('ca2.crt')))
})

test('nebula: what is damaged is an error, never a certificate', () => {
  for (const name of ['n1.crt', 'n2.crt'] as const) {
    const [banner = '', ...rest] = made[name].split('\n')
    const bytes = Buffer.from(rest.slice(0, -1).join(''), 'base64')
    for (let length = 1; length < bytes.length - 1; length += 7) {
      const cut = [banner, bytes.subarray(0, length).toString('base64'), rest.at(-1)].join('\n')
      assert.throws(() => certificatesIn(cut), /damaged|cut off/, `${name} of ${length} bytes`)
    }
  }
  assert.throws(() => certificatesIn('hello'), /no PEM text/)
})

test('nebula: a node that is signed here is one of its network, and does not outlive its CA', () => {
  const [from, to] = [new Date('2026-01-01T00:00:00Z'), new Date('2030-01-01T00:00:00Z')]
  const ca = makeCa('mine', from, to)
  const node = signNode(ca, { name: 'me', network: '10.19.55.5/24', from: new Date('2020-01-01T00:00:00Z') })
  const [read, authority] = [certificatesIn(node.certificate)[0]!, certificatesIn(ca.certificate)[0]!]
  assert.ok(signedBy(read, authority))
  assert.deepEqual([read.name, read.networks, read.from, read.to < to], ['me', ['10.19.55.5/24'], from, true])
  assert.throws(
    () => signNode({ certificate: made['ca1.crt'], key: ca.key }, { name: 'me', network: '10.0.0.1/8', from }),
    /sign with nebula-cert/,
  )
})

const secret = (name: string, value: string | undefined) => new Secret(name, () => value)
const declared = (change: Partial<Record<'address' | 'ca' | 'certificate' | 'key', string>> = {}) => {
  const of = {
    address: '10.19.55.5/24',
    ca: made['ca1.crt'],
    certificate: made['n1.crt'],
    key: made['n1.key'],
    ...change,
  }
  return nebulaNode({
    address: of.address,
    ca: secret('nebula/ca', of.ca),
    certificate: secret('nebula/certificate', of.certificate),
    key: secret('nebula/key', of.key),
  })
}

test('nebula: credentials that belong together reach the host as they are', () => {
  const node = declared()
  assert.equal(node.ca.reveal(), `${made['ca1.crt']}\n`)
  assert.equal(node.certificate.reveal(), `${made['n1.crt']}\n`)
  assert.equal(node.key.reveal(), `${made['n1.key']}\n`)
  assert.deepEqual(node.notes(), [])
})

const past = makeCa('past', new Date('2020-01-01T00:00:00Z'), new Date('2021-01-01T00:00:00Z'))
const ended = signNode(past, { name: 'me', network: '10.19.55.5/24', from: new Date('2020-01-01T00:00:00Z') })

for (const [name, change, field, where, said] of [
  ['a certificate of another CA', { ca: made['ca2.crt'] }, 'certificate', 'nebula/certificate', /was not signed by nebula\/ca/],
  [
    'another address',
    { address: '10.19.55.6/24' },
    'certificate',
    'nebula/certificate',
    /is for 10\.19\.55\.5\/24, and nebula\.address is/,
  ],
  ['the address in another network', { address: '10.19.55.5/16' }, 'certificate', 'nebula/certificate', /is for/],
  ['the key of another node', { key: made['n2.key'] }, 'key', 'nebula/key', /does not belong to nebula\/certificate/],
  ['the key of the CA', { key: past.key }, 'key', 'nebula/key', /is the key of a CA: it stays with you/],
  ['the CA as the node', { certificate: made['ca1.crt'] }, 'certificate', 'nebula/certificate', /is a CA/],
  ['what is no PEM', { ca: 'hello' }, 'ca', 'nebula/ca', /no PEM text/],
] as const)
  test(`nebula: refused before the first change: ${name}`, () => {
    assert.throws(() => declared(change)[field].reveal(), { name: 'ProvisionError', where, message: said })
    assert.throws(() => declared(change).notes(), { name: 'ProvisionError', where, message: said })
  })

test('nebula: a certificate that ends within a month is told, with its day and the next move', () => {
  const day = 86_400_000
  const ca = makeCa('mine', new Date(Date.now() - day), new Date(Date.now() + 400 * day))
  const node = signNode(ca, { name: 'me', network: '10.19.55.5/24', from: new Date(), to: new Date(Date.now() + 20.5 * day) })
  const [note, ...more] = declared({ ca: ca.certificate, certificate: node.certificate, key: node.key }).notes()
  assert.match(
    note!,
    /^nebula\/certificate ends on 20\d\d-\d\d-\d\d, in 20 days: sign another, then: provision secrets set nebula\/certificate$/,
  )
  assert.deepEqual(more, [])
  assert.deepEqual(
    declared({ ca: past.certificate, certificate: ended.certificate, key: ended.key })
      .notes()
      .map((line) => line.replace(/: sign.*/, '')),
    ['nebula/ca ended on 2021-01-01', 'nebula/certificate ended on 2020-12-31'],
  )
})

test('nebula: the network of an address', () => {
  for (const [address, network] of [
    ['10.19.55.5/24', '10.19.55.0/24'],
    ['10.19.55.5/32', '10.19.55.5'],
    ['10.200.255.5/9', '10.128.0.0/9'],
    ['fd00:19::5/64', 'fd00:19::/64'],
  ] as const)
    assert.equal(networkOf(address), network)
})

test('both firewalls are made from one list: what ufw lets in at the overlay’s interface, nebula lets in, and nothing else', () => {
  const server = referenceServer((raw) =>
    Object.assign(raw, {
      firewall: {
        allow: [
          { port: 9000, on: 'nebula1' },
          { port: 9001, on: 'eth0' },
          { port: 9002, protocol: 'udp' },
        ],
      },
    }),
  )
  const config = nebulaConfig({ ...server.nebula!, inbound: [] })
  assert.match(config, /^# Written by provision/)
  const file = referencePlaybooks(server)
    .flatMap(({ steps }) => steps.flatMap(({ resources }) => resources))
    .find(({ id }) => id === 'file:/etc/nebula/config.yml')
  const text = String((file!.desired as { content: string }).content)
  const rules = JSON.parse(text.slice(text.indexOf('firewall: ') + 'firewall: '.length)) as {
    readonly inbound: readonly {
      readonly port: number | 'any'
      readonly proto: string
      readonly cidr?: string
      readonly host?: string
    }[]
  }
  const inbound = rules.inbound.map(({ port, proto, cidr, host }) => `${port}/${proto} ${cidr ?? host}`)
  assert.deepEqual(inbound, [
    'any/icmp any',
    ...[55148, 25, 80, 443, 465, 587, 993].map((port) => `${port}/tcp any`),
    '443/udp any',
    '2049/tcp 10.19.55.0/24',
    '9000/tcp any',
    '9002/udp any',
  ])
  assert.deepEqual(
    openings(server).filter(({ port }) => [4242, 2049].includes(port)),
    [
      { port: 4242, protocol: 'udp' },
      { port: 2049, protocol: 'tcp', from: '10.19.55.0/24', on: 'nebula1' },
    ],
  )
})
