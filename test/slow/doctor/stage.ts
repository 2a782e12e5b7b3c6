import assert from 'node:assert/strict'
import { readFacts } from '../../../src/dns/facts.ts'
import { desiredRecords } from '../../../src/dns/records.ts'
import { recordText } from '../../../src/dns/zone.ts'
import type { Result } from '../../../src/doctor/examine.ts'
import { line } from '../../../src/doctor/told.ts'
import { mtaStsPolicy } from '../../../src/inventory/inventory.ts'
import { internetDomain } from '../../../src/rehearsal/internet/service.ts'
import { certificatesFolder } from '../../../src/rehearsal/internet/services/ca.ts'
import { until } from '../../../src/rehearsal/local.ts'
import { sh } from '../../../src/sh.ts'
import { provision, told } from '../../support/harness.ts'
import type { Installed } from '../../support/install.ts'

/** What a look of the doctor came to. */
export interface Look {
  readonly code: number | null
  readonly results: readonly Result[]
  readonly stdout: string
}

/** `provision doctor`, as an operator runs it. */
export async function look({ operator }: Installed, ...flags: readonly string[]): Promise<Look> {
  const run = await provision(operator, ['doctor', ...flags])
  const results = run.stdout
    .split('\n')
    .filter((line) => line.startsWith('{"event":"check"'))
    .map((line) => JSON.parse(line) as Result)
  assert.ok(results.length > 0, told(run))
  return { code: run.code, results, stdout: run.stdout }
}

/** What is not ok of it, a line each. */
export const faults = ({ results }: Look): readonly string[] =>
  results.flatMap(({ id, findings }) => findings.filter(({ verdict }) => verdict !== 'ok').map((one) => line(id, one)))

/** Changes zones as their owner would: lines of nsupdate(1), each zone's in a group of its own. */
export async function update({ rehearsal }: Installed, ...groups: readonly (readonly string[])[]): Promise<void> {
  const { algorithm, name, secret } = rehearsal.tsig
  const text = groups.map((lines) => `server ${rehearsal.dnsServer}\n${lines.join('\n')}\nsend\n`).join('')
  await rehearsal.internet.must(sh`printf %s ${text} | nsupdate -y ${`${algorithm}:${name}:${secret}`}`)
}

/** Publishes all that the inventory wants, with the keys of the host. */
export async function publish(it: Installed): Promise<void> {
  const { server } = it.inventory
  const zones = desiredRecords(server, await readFacts(it.host, server))
  for (const [zone, records] of zones) {
    const names = new Set(records.map(({ name, type }) => `update delete ${name}. ${type}`))
    await update(it, [
      `zone ${zone}`,
      ...names,
      ...records.map((record) => `update add ${recordText(record).replace(' IN ', ' ')}`),
    ])
  }
}

/** Somebody else's web server, which has the policy of a domain whose web is there. */
export async function elsewhere({ rehearsal, inventory: { server } }: Installed): Promise<void> {
  const { peer } = rehearsal.addresses.roles
  for (const domain of server.domains.filter(({ mta_sts }) => mta_sts.served === 'elsewhere')) {
    const host = `mta-sts.${domain.name}`
    await rehearsal.internet.must(sh`
mkdir -p /srv/elsewhere/.well-known
printf %s ${mtaStsPolicy(domain, server.mail.hostname)} > /srv/elsewhere/.well-known/mta-sts.txt
cd /srv
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout e.key -subj ${`/CN=${host}`} -out e.csr 2>/dev/null
printf 'subjectAltName=DNS:%s\n' ${host} > e.ext
openssl x509 -req -in e.csr -CA ${certificatesFolder}/ca.pem -CAkey ${certificatesFolder}/ca.key -CAcreateserial -days 30 -extfile e.ext -out e.pem 2>/dev/null
systemctl -q is-active elsewhere.service ||
systemd-run -q --unit=elsewhere --working-directory=/srv/elsewhere openssl s_server -accept ${`${peer.v4}:443`} -cert /srv/e.pem -key /srv/e.key -WWW -quiet`)
    await until({ where: host, what: 'its answer', limit: 10_000 }, async () =>
      (await rehearsal.internet.run(sh`ss -Hltn src ${peer.v4} sport = :443 | grep -q .`)).code === 0 ? true : undefined,
    )
  }
}

/** A certificate of the mail server by the rehearsal's CA: with its own key, or with another one. Dates as openssl-ca(1) takes them. */
export async function certified(
  { rehearsal, host, inventory: { server } }: Installed,
  { from, to, key = 'own' }: { from: string; to: string; key?: 'own' | 'another' },
): Promise<string> {
  const mx = server.mail.hostname
  const live = `/var/lib/certificates/${mx}/live`
  const csr = await host.must(
    key === 'own'
      ? sh`openssl req -new -key ${`${live}/privkey.pem`} -subj ${`/CN=${mx}`}`
      : sh`openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj ${`/CN=${mx}`} 2>/dev/null`,
  )
  const ca = `[ca]
default_ca = one
[one]
database = index.txt
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = any
x509_extensions = names
[any]
commonName = supplied
[names]
subjectAltName = DNS:${mx}
`
  return rehearsal.internet.must(sh`
cd "$(mktemp -d)"
: > index.txt
printf %s ${ca} > ca.cnf
printf %s ${csr} > csr.pem
openssl ca -batch -config ca.cnf -in csr.pem -cert ${certificatesFolder}/ca.pem -keyfile ${certificatesFolder}/ca.key -startdate ${from} -enddate ${to} -notext -out cert.pem 2>/dev/null
cat cert.pem ${certificatesFolder}/ca.pem`)
}

export { internetDomain }
