import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Document } from 'yaml'
import { arrived, fromPeer, isThere, type Mailbox, recipientAnswer, submit, withMailbox } from '../../src/rehearsal/proof/mail.ts'
import { sh } from '../../src/sh.ts'
import { command, edit, provision, told, untilOn } from '../support/harness.ts'
import { type Installed, install } from '../support/install.ts'

const base = 'dc=rnmkcy,dc=eu'
const lea: Mailbox = { address: 'lea@cinay.eu', password: 'a b"c$\'\\é' }
const noa: Mailbox = { address: 'noa@cinay.eu', password: 'noa-password' }
/** Whose mail in the directory is that of a declared account, of an alias, and of nobody here. */
const thief: Mailbox = { address: 'xoyi@xoyize.xyz', password: 'thief-password' }
const boss: Mailbox = { address: 'postmaster@cinay.eu', password: 'boss-password' }

let it: Installed
let yack: Mailbox

before(async () => {
  it = await install('e2e-ldap')
  yack = { address: 'yack@cinay.eu', password: it.secret('mail/yack@cinay.eu') }
  // The directory of the reference server: on the host itself, at 3890.
  await it.host.must(sh`export DEBIAN_FRONTEND=noninteractive
printf 'slapd slapd/%s\n' 'domain string rnmkcy.eu' 'password1 password admin' 'password2 password admin' 'no_configuration boolean false' | debconf-set-selections
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
chmod +x /usr/sbin/policy-rc.d
apt-get -qq install -y --no-install-recommends slapd ldap-utils >/dev/null 2>&1
rm /usr/sbin/policy-rc.d
sed -i 's|^SLAPD_SERVICES=.*|SLAPD_SERVICES="ldap://127.0.0.1:3890/"|' /etc/default/slapd
systemctl restart slapd.service`)
  await add(sh`printf 'dn: ou=people,%s\nobjectClass: organizationalUnit\nou: people\n' ${base}`)
  await person('maddy', 'maddy@nowhere.example', 'bind "password"')
  await person('lea', 'Lea@cinay.eu', lea.password)
  await person('thief', thief.address, thief.password)
  await person('boss', boss.address, boss.password)
  await person('stranger', 'stranger@elsewhere.example', 'x')
})

after(() => it?.stop())

const add = (ldif: ReturnType<typeof sh>) =>
  it.host.must(sh`{ ${ldif}; } | ldapadd -x -H ldap://127.0.0.1:3890 -D ${`cn=admin,${base}`} -w admin >/dev/null`)
const person = (uid: string, mail: string, password: string) =>
  add(
    sh`printf 'dn: uid=%s,ou=people,%s\nobjectClass: inetOrgPerson\nuid: %s\ncn: %s\nsn: x\nmail: %s\nuserPassword:: %s\n' ${uid} ${base} ${uid} ${uid} ${mail} ${Buffer.from(password).toString('base64')}`,
  )
const folders = (mailbox: Mailbox) =>
  withMailbox(it.rehearsal, it.inventory.server, mailbox, async (client) =>
    (await client.list()).map(({ path }) => path).toSorted(),
  )
const refused = (mailbox: Mailbox) => assert.rejects(folders(mailbox), /Command failed/)
/** The lines of failed logins since then, and how many of them the jail counts. */
async function failures(since: string): Promise<readonly [number, number]> {
  const said = await it.host.must(sh`journalctl --sync
journalctl -q -u maddy.service --since ${since} -o short -a --no-pager | grep 'authentication failed' > /tmp/failed || :
grep -c . /tmp/failed || :
fail2ban-regex /tmp/failed maddy-auth | sed -n 's/^Lines: .* ignored, \([0-9]*\) matched.*/\1/p'`)
  const [lines, matched] = said.trim().split('\n').map(Number)
  return [lines!, matched!]
}
const now = async () => (await it.host.must(sh`sleep 1.1; date '+%F %T'`)).trim()

test('ldap: it is declared in the inventory, its password in the secrets, and a second run has nothing to do', async () => {
  edit(it.operator, (document: Document) =>
    document.setIn(
      ['mail', 'ldap'],
      document.createNode({ url: 'ldap://127.0.0.1:3890', base, bind: { dn: `uid=maddy,ou=people,${base}` } }),
    ),
  )
  await it.inventory.store.update((values) => new Map([...values].filter(([name]) => name !== 'ldap/bind')))
  const without = await it.fails()
  assert.match(without, /ldap\/bind/)
  await it.inventory.store.update((values) => new Map([...values, ['ldap/bind', 'bind "password"']]))
  const ids = await it.correct()
  for (const id of [
    'file:/etc/ldap/provision.password',
    'file:/etc/maddy/maddy.conf',
    'service:provision-ldap.timer',
    'service:maddy.service',
  ])
    assert.ok(ids.includes(id), ids.join('\n'))
  await it.settled()
  const shown = await it.host.must(sh`stat -c '%a %U:%G' /etc/ldap/provision.password
grep -rlsF 'bind "password"' /etc /usr/local /run /var/lib/provision /var/lib/maddy || :`)
  assert.equal(shown, '640 root:maddy\n/etc/ldap/provision.password\n')
})

test('ldap: who is in the directory gets mail before the first login, and has all folders', async () => {
  await untilOn(it.host, 'the mailbox of lea', 60_000, sh`grep -qx lea@cinay.eu /var/lib/maddy/ldap-addresses`)
  assert.equal(await it.host.must(sh`cat /var/lib/maddy/ldap-addresses`), 'lea@cinay.eu\n')
  const subject = await fromPeer(it.rehearsal, 'lea+tag@cinay.eu')
  await arrived(it.rehearsal, it.inventory.server, lea, subject)
  assert.deepEqual(await folders(lea), ['Archive', 'Drafts', 'INBOX', 'Junk', 'Sent', 'Trash'])
  assert.deepEqual(await folders({ ...lea, address: 'Lea@Cinay.EU' }), await folders(lea))
  assert.match(await recipientAnswer(it.rehearsal, 'stranger@cinay.eu'), /^550 5\.1\.1/)
})

test('ldap: it sends as itself, over 465, and as nobody else', async () => {
  const subject = await submit(it.rehearsal, it.inventory.server, lea, { to: yack.address })
  await arrived(it.rehearsal, it.inventory.server, yack, subject)
  const back = await submit(it.rehearsal, it.inventory.server, yack, { to: lea.address })
  await arrived(it.rehearsal, it.inventory.server, lea, back)
  await assert.rejects(submit(it.rehearsal, it.inventory.server, lea, { from: yack.address, to: yack.address }), /553/)
})

test('ldap: a wrong password is refused and counted; the directory gives nobody a declared account or an alias', async () => {
  const since = await now()
  await refused({ ...lea, password: 'wrong' })
  await assert.rejects(submit(it.rehearsal, it.inventory.server, boss, { to: yack.address }), /535/)
  assert.deepEqual(await failures(since), [2, 2])
  assert.match(
    (await it.host.run(sh`printf '%s\n' ${thief.address} ${thief.password} | runuser -u maddy -- provision-ldap; echo $?`))
      .stdout,
    /^1$/m,
  )
  const owner = { address: thief.address, password: it.secret(`mail/${thief.address}`) }
  assert.deepEqual((await folders(owner)).length, 6)
})

test('ldap: one who is new logs in before anybody has looked, and has all folders', async () => {
  await person('noa', noa.address, noa.password)
  assert.deepEqual(await folders(noa), ['Archive', 'Drafts', 'INBOX', 'Junk', 'Sent', 'Trash'])
  await it.host.must(sh`systemctl start provision-ldap.service`)
  assert.equal(await it.host.must(sh`cat /var/lib/maddy/ldap-addresses`), 'lea@cinay.eu\nnoa@cinay.eu\n')
})

test('ldap: their mailboxes are declared by the directory: --prune leaves them', async () => {
  // All that is third-party on the host is the image's drop-in for sshd.
  assert.deepEqual(await it.correct('--prune'), ['service:ssh.service'])
  const { events } = await provision(it.operator, ['--check'])
  assert.deepEqual(
    events.filter(({ event, id }) => event === 'note' && id === 'undeclared-mail:maddy'),
    [],
  )
})

test('ldap: doctor asks it from the host', async () => {
  const { code, stdout } = await command(it.operator, ['doctor', '--only', 'ldap,jails'])
  assert.equal(code, 0, stdout)
  assert.match(stdout, /ldap: shows 2 with an address here/)
})

test('ldap: while it is down, declared accounts log in, mail comes in, and nobody is banned for a password that nobody looked at', async () => {
  await it.host.must(sh`systemctl stop slapd.service`)
  const since = await now()
  for (let i = 0; i < 4; i++) await refused(lea)
  await assert.rejects(submit(it.rehearsal, it.inventory.server, lea, { to: yack.address }), /535/)
  assert.deepEqual(await failures(since), [5, 0])
  const subject = await fromPeer(it.rehearsal, lea.address)
  await arrived(
    it.rehearsal,
    it.inventory.server,
    yack,
    await submit(it.rehearsal, it.inventory.server, yack, { to: yack.address }),
  )
  const { code, stdout } = await command(it.operator, ['doctor', '--only', 'ldap,jails'])
  assert.equal(code, 2, stdout)
  assert.match(stdout, /nobody of it can log in: .*Can't contact LDAP server/)
  assert.match(stdout, /✓ jails/)
  // The unit has failed, which the watch tells; a look that failed has not made anybody undeclared.
  assert.notEqual((await it.host.run(sh`systemctl start provision-ldap.service`)).code, 0)
  assert.match(await it.host.must(sh`provision-watch --now`), /provision-ldap\.service has failed/)
  const check = await provision(it.operator, ['--check'])
  assert.equal(check.code, 0, told(check))
  assert.doesNotMatch(check.stdout, /undeclared/)
  await it.host.must(sh`systemctl restart maddy.service`)
  assert.deepEqual((await folders(yack)).length, 6)
  await it.host.must(sh`systemctl start slapd.service && systemctl start provision-ldap.service`)
  assert.equal(await isThere(it.rehearsal, it.inventory.server, lea, subject), true)
  await it.settled()
})

test('ldap: a directory that shows nobody takes nobody’s mailbox', async () => {
  const config = (access: string) =>
    sh`printf 'dn: olcDatabase={1}mdb,cn=config\nchangetype: modify\n%s' ${access} | ldapmodify -Q -Y EXTERNAL -H ldapi:/// >/dev/null`
  await it.host.must(sh`systemctl stop slapd.service
sed -i 's|^SLAPD_SERVICES=.*|SLAPD_SERVICES="ldap://127.0.0.1:3890/ ldapi:///"|' /etc/default/slapd
systemctl start slapd.service`)
  await it.host.must(
    config(
      'add: olcAccess\nolcAccess: {0}to * by dn.exact="gidNumber=0+uidNumber=0,cn=peercred,cn=external,cn=auth" manage by anonymous auth by * none\n',
    ),
  )
  const { stderr, code } = await it.host.run(sh`runuser -u maddy -- provision-ldap sync`)
  assert.notEqual(code, 0)
  assert.match(stderr, /the directory shows nobody: may uid=maddy,ou=people,dc=rnmkcy,dc=eu read it\?|No such object/)
  assert.equal(await it.host.must(sh`cat /var/lib/maddy/ldap-addresses`), 'lea@cinay.eu\nnoa@cinay.eu\n')
  await it.host.must(config('delete: olcAccess\nolcAccess: {0}\n'))
})

test('ldap: somebody who leaves the directory cannot log in, and the mailbox is told as nobody’s', async () => {
  await it.host.must(
    sh`ldapdelete -x -H ldap://127.0.0.1:3890 -D ${`cn=admin,${base}`} -w admin ${`uid=noa,ou=people,${base}`} && systemctl start provision-ldap.service`,
  )
  await refused(noa)
  const { events } = await provision(it.operator, ['--check'])
  const notes = events.filter(({ event, id }) => event === 'note' && id === 'undeclared-mail:maddy').map(({ why }) => why)
  assert.deepEqual(notes, ['undeclared mailbox noa@cinay.eu: --prune removes it, and keeps a copy'])
})

test('ldap: by uid, of those whom a filter names, and under TLS or not at all', async () => {
  await it.host.must(sh`set -e
cd /etc/ldap
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /root/ca.key -out /usr/local/share/ca-certificates/e2e.crt -subj /CN=e2e -days 5 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout slapd.key -out /root/slapd.csr -subj /CN=slapd 2>/dev/null
printf 'subjectAltName=IP:127.0.0.1' > /root/ext
openssl x509 -req -in /root/slapd.csr -CA /usr/local/share/ca-certificates/e2e.crt -CAkey /root/ca.key -CAcreateserial -extfile /root/ext -out slapd.crt -days 5 2>/dev/null
chown openldap slapd.key
printf 'dn: cn=config\nchangetype: modify\nadd: olcTLSCertificateFile\nolcTLSCertificateFile: /etc/ldap/slapd.crt\n-\nadd: olcTLSCertificateKeyFile\nolcTLSCertificateKeyFile: /etc/ldap/slapd.key\n' | ldapmodify -Q -Y EXTERNAL -H ldapi:/// >/dev/null`)
  edit(it.operator, (document: Document) => {
    for (const [key, value] of Object.entries({ users: 'uid', domain: 'cinay.eu', filter: '(uid=thief)', starttls: true }))
      document.setIn(['mail', 'ldap', key], value)
  })
  await it.correct()
  const look = sh`systemctl start provision-ldap.service`
  assert.notEqual((await it.host.run(look)).code, 0, 'its certificate is of a CA that the host does not know')
  await it.host.must(sh`update-ca-certificates >/dev/null 2>&1`)
  await it.host.must(look)
  assert.equal(await it.host.must(sh`cat /var/lib/maddy/ldap-addresses`), 'thief@cinay.eu\n')
  assert.equal((await folders({ address: 'thief@cinay.eu', password: thief.password })).length, 6)
  await refused(lea)
  await it.settled()
})

test('ldap: taken out of the inventory, it lets nobody in and makes nobody a mailbox', async () => {
  edit(it.operator, (document: Document) => document.deleteIn(['mail', 'ldap']))
  const ids = await it.correct()
  for (const id of ['file:/etc/maddy/maddy.conf', 'service:provision-ldap.timer']) assert.ok(ids.includes(id), ids.join('\n'))
  await refused(lea)
  assert.equal((await it.host.run(sh`systemctl is-active provision-ldap.timer`)).stdout, 'inactive\n')
  await it.settled()
})
