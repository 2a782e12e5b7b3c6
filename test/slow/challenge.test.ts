import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { loadInventory } from '../../src/inventory/inventory.ts'
import { bare } from '../../src/rehearsal/image/images.ts'
import type { OvhService } from '../../src/rehearsal/internet/ovh-daemon.ts'
import { zonesOf } from '../../src/rehearsal/internet/zones.ts'
import type { Rehearsal } from '../../src/rehearsal/open.ts'
import { startRehearsal } from '../../src/rehearsal/rehearsal.ts'
import { sh } from '../../src/sh.ts'
import { root } from '../../src/util/text.ts'
import { isSettled, type Operator, operatorOf, ours, provision, ready, told } from '../support/harness.ts'

const mx = 'mx1.xoyize.xyz'
let rehearsal: Rehearsal
let ovh: OvhService

before(async () => {
  const { server } = await loadInventory(new URL('inventory', root).pathname, 'xoyize.xyz')
  rehearsal = await startRehearsal({ name: await ours('dns-challenge'), mxname: mx, zones: zonesOf(server), image: null })
  ovh = await rehearsal.ovh()
})

after(() => rehearsal?.stop())

/** A host that has what `certificates` installs: what these tests are about is not apt. */
const image = [...ready(bare), { name: 'packages of certificates', packages: ['curl', 'bind9-dnsutils', 'openssl', 'socat'] }]

const someone = async (name: string, dns: object): Promise<Operator> =>
  operatorOf(rehearsal, await rehearsal.addHost(name, image), {
    change: (document) => document.setIn(['dns'], document.createNode({ lookup: rehearsal.dnsServer, wait: 1, ...dns })),
  })

/** The serial of the certificate that a daemon reads, if it belongs to its key. */
const serial = ({ host }: Operator): Promise<string> =>
  host.must(sh`cd /var/lib/certificates/${mx}/live
[ "$(openssl x509 -in fullchain.pem -noout -pubkey)" = "$(openssl pkey -in privkey.pem -pubout)" ]
openssl x509 -in fullchain.pem -noout -serial`)

/** As if it had to be renewed now. */
const renew = ({ host }: Operator) =>
  host.run(sh`rm -f /var/lib/acme/${mx}_ecc/fullchain.cer; systemctl start provision-certificates.service`)

const challenges = () =>
  rehearsal.internet.must(sh`dig +short @${rehearsal.dnsServer} _acme-challenge.${mx} TXT`).then((text) => text.trim())

describe('how the CA is shown that the mail server’s name is ours', { concurrency: true }, () => {
  test('by acme.sh’s own client of OVH’s API, with a key that may write one zone; while the API fails nothing is lost', async () => {
    const operator = await someone('ovh', { provider: 'ovh', endpoint: ovh.endpoint })
    const without = await provision(operator, ['--yes', '--only', 'certificates'])
    assert.match(without.error, /secrets are missing that only you can give: ovh\/application-key/, told(without))
    const { store } = await loadInventory(operator.inventory, 'xoyize.xyz')
    await store.update(
      (values) =>
        new Map([
          ...values,
          ['ovh/application-key', ovh.host.applicationKey],
          ['ovh/application-secret', ovh.host.applicationSecret],
          ['ovh/consumer-key', ovh.host.consumerKey],
        ]),
    )

    ovh.fail('POST .*/record$ 500')
    const failed = await provision(operator, ['--yes', '--only', 'certificates'])
    assert.match(failed.error, /the CA gave no certificate/, told(failed))
    ovh.fail()
    const issued = await provision(operator, ['--yes', '--only', 'certificates'])
    assert.equal(issued.code, 0, told(issued))
    const first = await serial(operator)
    assert.equal(await challenges(), '')
    assert.ok(isSettled(await provision(operator, ['--yes', '--only', 'certificates'])))

    for (const call of ['GET /auth/time', 'GET /domain', 'POST .*/refresh$']) {
      ovh.fail(`${call} 503`)
      assert.notEqual((await renew(operator)).code, 0, call)
      assert.equal(await serial(operator), first, call)
    }
    ovh.fail()
    const renewed = await operator.host.run(sh`systemctl start provision-certificates.service`)
    assert.equal(renewed.code, 0, await operator.host.must(sh`journalctl -n 40 -u provision-certificates --no-pager`))
    assert.notEqual(await serial(operator), first)
    // acme.sh forgets the key that it keeps at the first error: ours is given to it each time.
    const kept = await operator.host.must(sh`cat /etc/provision/acme.env; stat -c %a /etc/provision/acme.env`)
    assert.match(kept, new RegExp(`OVH_CK="${ovh.host.consumerKey}"[^]*^600$`, 'm'))
  })

  test('by HTTP where nobody writes records for us: first by itself, then through Caddy', async () => {
    const operator = await someone('host', { provider: 'manual' })
    const plan = await provision(operator, ['--check', '--only', 'certificates'])
    const note = plan.events.find(({ event, id }) => event === 'note' && id === `certificate:${mx}`)
    assert.match(note?.why ?? '', /its records have to lead here first/, told(plan))
    const issued = await provision(operator, ['--yes', '--only', 'certificates'])
    assert.equal(issued.code, 0, told(issued))
    const first = await serial(operator)
    assert.ok(isSettled(await provision(operator, ['--yes', '--only', 'certificates'])))

    // The sites' folders are the admin's.
    await operator.host.must(sh`useradd -m xouser`)
    const web = await provision(operator, ['--yes', '--only', 'caddy'])
    assert.equal(web.code, 0, told(web))
    assert.equal(
      (await renew(operator)).code,
      0,
      await operator.host.must(sh`journalctl -n 40 -u provision-certificates --no-pager`),
    )
    assert.notEqual(await serial(operator), first)
    assert.equal(await operator.host.must(sh`curl -s -o /dev/null -w '%{http_code}' http://${mx}/`), '404')
    assert.equal(await operator.host.must(sh`ls /var/lib/acme-challenge/.well-known/acme-challenge`), '')
  })
})
