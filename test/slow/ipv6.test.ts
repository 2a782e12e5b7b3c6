import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { bare } from '../../src/rehearsal/image/images.ts'
import type { Rehearsal } from '../../src/rehearsal/open.ts'
import { type Sh, sh } from '../../src/sh.ts'
import { isSettled, type Operator, type Outcome, operatorOf, provision, ready, stage, told, untilOn } from '../support/harness.ts'

const only = ['--only', 'base/keep-ipv6-on,access']
let rehearsal: Rehearsal

before(async () => {
  rehearsal = await stage('e2e-ipv6')
})

after(() => rehearsal?.stop())

/** Switched off as Contabo's images do, and gone from all interfaces. */
const switchedOff = sh`printf 'net.ipv6.conf.%s.disable_ipv6 = 1\n' all default lo >> /etc/sysctl.conf
ln -sfn ../sysctl.conf /etc/sysctl.d/99-sysctl.conf
for f in all default lo; do echo 1 > "/proc/sys/net/ipv6/conf/$f/disable_ipv6"; done
[ -z "$(ip -6 address show scope global)" ]`

/** A program of the provider's image, in the place where it has it. */
const helper = (body: Sh): Sh => sh`cat > /usr/local/bin/enable_ipv6 <<'END'
#!/bin/sh
date >> /root/helped
${body}
END
chmod 0755 /usr/local/bin/enable_ipv6`

/** A host on which this was done, with its operator. */
async function delivered(name: string, ...done: readonly Sh[]): Promise<Operator> {
  const image = name === 'ifupdown' ? [...ready(bare), { name, packages: [name] }] : ready(bare)
  const operator = await operatorOf(rehearsal, await rehearsal.addHost(name, image))
  for (const script of done)
    await operator.host.must(sh`set -e
${script}`)
  return operator
}

const run = (operator: Operator, ...flags: readonly string[]) => provision(operator, [...flags, ...only])
const changes = ({ events }: Outcome, id: string) =>
  events.filter((one) => one.event === 'change' && one.id === id) as unknown as readonly {
    field: string
    from: string
    to: string
  }[]
const notes = ({ events }: Outcome) =>
  events.filter((one) => one.event === 'note' && one.id?.startsWith('ipv6:')).map(({ why }) => why)

/** SSH answers over IPv6, from this machine. */
const answers = ({ host }: Operator): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: host.address6, port: 55148, timeout: 10_000 })
    socket.once('data', (data) => {
      socket.destroy()
      resolve(String(data))
    })
    socket.once('error', reject).once('timeout', () => socket.destroy(new Error('no answer')))
  })

/** It is corrected, works, and does so after a reboot. */
async function endsWell(operator: Operator): Promise<void> {
  const first = await run(operator, '--yes')
  assert.equal(first.code, 0, told(first))
  assert.match(await answers(operator), /^SSH-2\.0/)
  const second = await run(operator, '--yes')
  assert.ok(isSettled(second), told(second))
  assert.deepEqual(notes(second), [])
  await operator.host.reboot()
  await untilOn(operator.host, 'SSH', 20_000, sh`ss -Hltn | grep -q ':55148 '`)
  assert.match(await answers(operator), /^SSH-2\.0/)
  const third = await run(operator, '--yes')
  assert.ok(isSettled(third), told(third))
}

test('IPv6 that an image switches off is switched on, and stays on', async () => {
  const operator = await delivered('off', switchedOff)
  const { address6 } = operator.host
  const plan = await run(operator, '--check')
  assert.equal(plan.code, 2, told(plan))
  assert.deepEqual(
    changes(plan, `ipv6:${address6}`).map(({ field, from, to }) => `${field} ${from} → ${to}`),
    ['switched off → on', `address absent → ${address6}`],
  )
  await endsWell(operator)
})

test('IPv6: the helper of the provider’s image is run, once', async () => {
  const operator = await delivered(
    'helper',
    switchedOff,
    helper(sh`sed -i '/disable_ipv6/d' /etc/sysctl.conf
echo 0 > /proc/sys/net/ipv6/conf/all/disable_ipv6
echo 0 > /proc/sys/net/ipv6/conf/default/disable_ipv6
networkctl reconfigure eth0`),
  )
  await endsWell(operator)
  assert.equal((await operator.host.must(sh`wc -l < /root/helped`)).trim(), '1')
})

test('IPv6: a helper that cuts the host off is undone by the host, and the next run does without it', async () => {
  const operator = await delivered(
    'cut',
    switchedOff,
    helper(sh`rm /etc/systemd/network/10-eth0.network
ip address flush dev eth0`),
  )
  const cut = await run(operator, '--yes')
  assert.equal(cut.code, 1, told(cut))
  assert.match(cut.error, /IPv6 address/)
  await untilOn(
    operator.host,
    'the undo',
    150_000,
    sh`[ ! -e /var/lib/provision/undo ] && ip -4 address show dev eth0 | grep -q inet`,
  )
  await endsWell(operator)
})

test('IPv6: an address that the host’s network does not have is told, with what to do, and is no drift', async () => {
  const operator = await delivered(
    'without',
    sh`sed -i '/^\[Address\]$/{N;N;/Address=[0-9a-f]*:/d}' /etc/systemd/network/10-eth0.network
! grep -q '^Address=.*:' /etc/systemd/network/10-eth0.network
networkctl reload
networkctl reconfigure eth0
sleep 2`,
  )
  const first = await run(operator, '--yes')
  assert.equal(first.code, 0, told(first))
  const second = await run(operator, '--yes')
  assert.ok(isSettled(second), told(second))
  assert.match(notes(second).join(), /^not here: no interface has it, and the records name it; turn it on in the panel of /)
})

test('IPv6: what ifupdown has written down is taken up without touching IPv4', async () => {
  const operator = await delivered('ifupdown')
  const { host } = operator
  await host.must(sh`set -e
v4=${host.address}
v6=${host.address6}
gateway=$(ip -4 route show default | awk '{ print $3; exit }')
gateway6=$(ip -6 route show default | awk '{ print $3; exit }')
cat > /etc/network/interfaces <<END
auto lo eth0
iface lo inet loopback
iface eth0 inet static
    address $v4/25
    gateway $gateway
iface eth0 inet6 static
    address $v6/64
    gateway $gateway6
    dad-attempts 0
END
systemctl disable --now systemd-networkd.service systemd-networkd.socket
rm /etc/systemd/network/10-eth0.network
systemctl enable networking.service`)
  await host.reboot()
  await host.must(sh`set -e
${switchedOff}`)
  await endsWell(operator)
})
