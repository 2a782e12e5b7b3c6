import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { answered, quicVersions, requestFromHost } from '../../src/rehearsal/proof/web.ts'
import { sh } from '../../src/sh.ts'
import { edit } from '../support/harness.ts'
import { type Installed, install } from '../support/install.ts'

let it: Installed

before(async () => {
  it = await install('e2e-web')
})

after(() => it?.stop())

const statics = ['xoyize.xyz', 'ouestline.xyz', 'cinay.eu', 'yanfi.net'].map((domain) => `static.${domain}`)
const policy = (mode: string) => `version: STSv1\r\nmode: ${mode}\r\nmx: mx1.xoyize.xyz\r\nmax_age: 86401\r\n`

test('static folders: what the admin sends by rsync over SSH is served under every name', async () => {
  // From the host to itself: this machine may have no rsync. The login is the admin’s, with the operator’s key, from outside sshd.
  const key = readFileSync(join(it.operator.home, '.ssh/id_ed25519'), 'utf8')
  await it.host.must(sh`set -e
cd /root
mkdir -p static/pictures
printf 'a picture\n' > static/pictures/one.txt
printf 'of nobody\n' > static/.secret
( umask 077; printf %s ${key} > key )
rsync -rt -e 'ssh -F none -p 55148 -i /root/key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null' static/ ${`xouser@${it.host.address}:/var/caddy/www/Divers/static/`}
rm -r key static`)
  for (const name of statics) {
    assert.equal((await answered(it.rehearsal, { url: `${name}/pictures/one.txt` })).body, 'a picture\n')
    assert.equal((await requestFromHost(it.rehearsal, { url: `${name}/.secret` })).status, 404)
  }
  assert.equal(await it.host.must(sh`stat -c %U /var/caddy/www/Divers/static/pictures/one.txt`), 'xouser\n')
  await it.settled()
})

test('MTA-STS: the policy stands at its one address, and changes with the inventory', async () => {
  const question = { url: 'mta-sts.cinay.eu/.well-known/mta-sts.txt' }
  const { body, headers } = await answered(it.rehearsal, question)
  assert.equal(body, policy('testing'))
  assert.match(String(headers['content-type']), /^text\/plain/)
  for (const url of ['mta-sts.cinay.eu/', 'mta-sts.cinay.eu/mta-sts.txt', 'mta-sts.cinay.eu/.well-known/'])
    assert.equal((await requestFromHost(it.rehearsal, { url })).status, 404, url)
  edit(it.operator, (document) => document.setIn(['domains', 2, 'mta_sts'], document.createNode({ mode: 'enforce' })))
  assert.deepEqual(await it.correct(), ['file:/var/caddy/mail/cinay.eu/mta-sts.txt'])
  assert.equal((await requestFromHost(it.rehearsal, question)).body, policy('enforce'))
})

test('MTA-STS: a domain whose policy another server has is not answered for', async () => {
  assert.equal((await requestFromHost(it.rehearsal, { url: 'mta-sts.rnmkcy.eu/.well-known/mta-sts.txt' })).status, 0)
})

test('mail clients: each gets its own kind of answer at the address that it asks', async () => {
  const name = 'yanfi.net'
  const get = (url: string) => answered(it.rehearsal, { url })
  for (const url of [`autoconfig.${name}/mail/config-v1.1.xml`, `autoconfig.${name}/.well-known/autoconfig/mail/config-v1.1.xml`])
    assert.match((await get(url)).body, /<incomingServer type="imap">\s*<hostname>mx1\.xoyize\.xyz<\/hostname>\s*<port>993</)
  for (const path of ['/autodiscover/autodiscover.xml', '/Autodiscover/Autodiscover.xml', '/AutoDiscover/AutoDiscover.xml']) {
    const question = { url: `autodiscover.${name}${path}`, method: 'POST', body: '<Autodiscover/>' } as const
    const { body, headers } = await answered(it.rehearsal, question)
    assert.match(body, /<Type>SMTP<\/Type>\s*<Server>mx1\.xoyize\.xyz<\/Server>\s*<Port>465</)
    assert.match(String(headers['content-type']), /xml/)
  }
  const { body, headers } = await get(`autoconfig.${name}/apple.mobileconfig`)
  assert.equal(headers['content-type'], 'application/x-apple-aspen-config')
  assert.match(body, /<key>IncomingMailServerHostName<\/key><string>mx1\.xoyize\.xyz</)
  assert.equal((await requestFromHost(it.rehearsal, { url: `autoconfig.${name}/` })).status, 404)
})

test('web: port 80 leads to 443, and 443/udp speaks HTTP/3', async () => {
  const { headers } = await answered(it.rehearsal, { url: 'cinay.eu/a/b?c=d', scheme: 'http' }, 308)
  assert.equal(headers.location, 'https://cinay.eu/a/b?c=d')
  assert.ok((await quicVersions(it.rehearsal)).includes(1))
  assert.match(String((await answered(it.rehearsal, { url: 'cinay.eu/.well-known' }, 404)).headers['alt-svc']), /h3=":443"/)
})

test('web: a site that leaves the inventory leaves the host, and its folder stays', async () => {
  edit(it.operator, (document) => document.deleteIn(['sites', 1]))
  // What is archived and what the probe asks for are those of the inventory.
  const others = ['file:/usr/local/sbin/provision-backup', 'file:/etc/provision/probe.conf']
  assert.deepEqual(await it.correct(), ['file:/etc/caddy/Caddyfile', 'service:caddy.service', ...others])
  assert.equal((await requestFromHost(it.rehearsal, { url: 'ouestline.xyz/' })).status, 0)
  await it.host.must(sh`test -d /var/caddy/www/ouestline.xyz`)
})
