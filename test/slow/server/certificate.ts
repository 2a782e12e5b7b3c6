import assert from 'node:assert/strict'
import { type Sh, sh } from '../../../src/sh.ts'
import { asInstalled, type Installed } from '../../support/install.ts'
import { on, type Server } from './on.ts'

const mx = 'mx1.xoyize.xyz'
const [state, live] = [`/var/lib/acme/${mx}_ecc`, `/var/lib/certificates/${mx}/live`]
const id = `certificate:${mx}`

const spki = (file: string): Sh => sh`openssl x509 -in ${file} -noout -pubkey | sha256sum`

/** sh: a certificate for the mail name, signed by itself, whose life began and ends these many days from now. */
const selfMade = (key: string, out: string, from: number, to: number): Sh => sh`
dir=$(mktemp -d)
printf '[ca]\ndefault_ca=a\n[a]\ndatabase=%s/index\nserial=%s/serial\nnew_certs_dir=%s\ndefault_md=sha256\npolicy=p\nx509_extensions=e\n[p]\ncommonName=supplied\n[e]\nsubjectAltName=DNS:%s\n' "$dir" "$dir" "$dir" ${mx} > "$dir/conf"
: > "$dir/index"
openssl rand -hex 8 > "$dir/serial"
openssl req -new -key ${key} -subj ${`/CN=${mx}`} -out "$dir/csr"
openssl ca -batch -notext -config "$dir/conf" -selfsign -keyfile ${key} -in "$dir/csr" -out ${out} \
  -startdate "$(date -u -d ${`${from} days`} +%Y%m%d%H%M%SZ)" -enddate "$(date -u -d ${`${to} days`} +%Y%m%d%H%M%SZ)" 2>/dev/null
rm -rf "$dir"`

/** sh: as if the certificate had been issued long ago: in acme.sh's state, and where the daemon reads it. */
const aged = (from: number, to: number): Sh => sh`set -e
${selfMade(`${state}/${mx}.key`, `${state}/fullchain.cer`, from, to)}
cat ${state}/fullchain.cer > ${live}/fullchain.pem`

/** What the ports of mail serve, as fingerprints: all of it once. */
const served = async ({ host }: Installed): Promise<string> =>
  (
    await host.must(sh`for at in '25 -starttls smtp' 465 '587 -starttls smtp' 993; do
  timeout 5 openssl s_client -connect 127.0.0.1:$at </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256 || echo none
done | sort -u`)
  ).trim()

const inFile = async ({ host }: Installed): Promise<string> =>
  (await host.must(sh`openssl x509 -in ${live}/fullchain.pem -noout -fingerprint -sha256`)).trim()

/** The CA cannot be reached, while something is tried. */
async function withoutCa(it: Installed, body: () => Promise<void>): Promise<void> {
  const rule = sh`OUTPUT -p tcp -d ${it.rehearsal.addresses.roles.acme.v4} --dport 14000 -j REJECT --reject-with tcp-reset`
  const rule6 = sh`OUTPUT -p tcp -d ${it.rehearsal.addresses.roles.acme.v6} --dport 14000 -j REJECT --reject-with tcp-reset`
  await it.host.must(sh`iptables -I ${rule}; ip6tables -I ${rule6}`)
  try {
    await body()
  } finally {
    await it.host.must(sh`iptables -D ${rule}; ip6tables -D ${rule6}`)
  }
}

/** The mail certificate: its permissions, its renewal, and that one matching pair is served whatever happens. */
export function certificateTests(server: Server): void {
  on(server, 'certificate: P-384, read by maddy, written by root alone, and served on all four ports', async (it) => {
    const { host } = it
    assert.match(await host.must(sh`openssl x509 -in ${live}/fullchain.pem -noout -text`), /ASN1 OID: secp384r1/)
    assert.equal(
      await host.must(
        sh`stat -Lc '%a %U:%G' ${live} ${live}/fullchain.pem ${live}/privkey.pem; getfacl -p -c ${live} 2>/dev/null || :`,
      ),
      '750 root:maddy\n640 root:maddy\n640 root:maddy\n',
    )
    await host.must(sh`runuser -u maddy -- cat ${live}/privkey.pem > /dev/null`)
    for (const attempt of [sh`sh -c ': >> "$1"' sh ${live}/privkey.pem`, sh`touch ${live}/new`, sh`ln -sfn /tmp ${live}`])
      assert.notEqual((await host.run(sh`runuser -u maddy -- ${attempt}`)).code, 0)
    assert.notEqual((await host.run(sh`runuser -u xouser -- cat ${live}/privkey.pem`)).code, 0)
    assert.equal(await served(it), await inFile(it))
  })

  on(
    server,
    'certificate: credentials are in a file of root’s, given at each run; a missed night is made up for',
    async ({ host }) => {
      assert.equal(await host.must(sh`systemctl show -p Environment --value provision-certificates.service`), '\n')
      assert.equal(await host.must(sh`systemctl show -p Persistent --value provision-certificates.timer`), 'yes\n')
      assert.equal(
        await host.must(sh`stat -c '%a %U' /etc/provision/acme.env /etc/provision/nsupdate.key /etc/provision`),
        '600 root\n600 root\n700 root\n',
      )
      assert.equal(
        (await host.run(sh`crontab -l 2>/dev/null | grep acme; grep -il 'auto_upgrade=.1' /var/lib/acme/account.conf`)).stdout,
        '',
      )
      assert.doesNotMatch(await host.must(sh`cat ${state}/${mx}.conf`), /zerossl/i)
    },
  )

  on(server, 'certificate: one that is valid is no drift while the CA is down', (it) => withoutCa(it, () => it.settled()))

  on(
    server,
    'certificate: while the CA is down an old one is still served, the run says what it tried, and the next one renews it with the same key',
    async (it) => {
      const { host } = it
      // acme.sh waits ten seconds between its tries.
      await host.must(sh`mkdir -p /tmp/quick /run/systemd/system/provision-certificates.service.d
printf '#!/bin/sh\n[ "$1" != 10 ] || set -- 0.1\nexec /bin/sleep "$@"\n' > /usr/local/bin/sleep
chmod 755 /usr/local/bin/sleep
${aged(-85, 5)}
systemctl restart maddy`)
      const [old, key] = [await inFile(it), await host.must(spki(`${live}/fullchain.pem`))]
      await withoutCa(it, async () => {
        assert.match(
          await it.fails(),
          /certificate:mx1[\s\S]*(acme\.internet\.example:14000|Cannot init api)[\s\S]*gave no certificate/,
        )
        assert.deepEqual([await served(it), await inFile(it)], [old, old])
      })
      assert.deepEqual(await it.correct(), [id])
      assert.notEqual(await inFile(it), old)
      assert.equal(await served(it), await inFile(it))
      assert.equal(await host.must(spki(`${live}/fullchain.pem`)), key)
      await host.must(sh`rm /usr/local/bin/sleep`)
      await it.settled()
    },
  )

  on(
    server,
    'certificate: renewed by its timer’s unit with a third of its life left, and not before; ended, or another’s, by a run',
    async (it) => {
      const { host } = it
      const issued = async () => (await host.must(sh`openssl x509 -in ${live}/fullchain.pem -noout -issuer`)).includes('Pebble')
      // Nobody is served: what counts is what is deployed.
      await host.must(sh`systemctl stop maddy`)
      await host.must(sh`${aged(-50, 40)}; systemctl start provision-certificates`)
      assert.equal(await issued(), false)
      await host.must(sh`${aged(-62, 28)}; systemctl start provision-certificates`)
      assert.equal(await issued(), true)
      await host.must(aged(-100, -1))
      assert.ok((await it.correct()).includes(id))
      assert.deepEqual([await issued(), await served(it)], [true, await inFile(it)])
      await it.settled()
    },
  )

  on(server, 'certificate: the renewal killed at any point leaves one matching pair that maddy can read', async (it) => {
    const { host } = it
    await host.must(sh`systemctl stop maddy
mkdir /tmp/wrapped
for program in install mv ln chown chmod cmp readlink openssl; do
  printf '#!/bin/sh\nn=$(($(cat /tmp/calls) + 1))\necho $n > /tmp/calls\n[ $n -ne "$STOP" ] || kill -9 0\nexec %s "$@"\n' "$(command -v $program)" > /tmp/wrapped/$program
done
chmod 755 /tmp/wrapped/*`)
    const renewal = (stop: number) => sh`
openssl ecparam -genkey -name secp384r1 -noout -out ${state}/${mx}.key
${selfMade(`${state}/${mx}.key`, `${state}/fullchain.cer`, 0, 90)}
echo 0 > /tmp/calls
PATH=/tmp/wrapped:$PATH STOP=${stop} setsid -w /usr/local/sbin/provision-certificates >/dev/null 2>&1
printf '%s %s\n' $? "$(cat /tmp/calls)"
[ "$(runuser -u maddy -- openssl x509 -in ${live}/fullchain.pem -noout -pubkey)" = "$(runuser -u maddy -- openssl pkey -in ${live}/privkey.pem -pubout)" ] && echo pair`
    const calls = Number((await host.must(renewal(0))).match(/^0 (\d+)\npair$/m)?.[1])
    assert.ok(calls > 15, `${calls} programs`)
    for (let stop = 1; stop <= calls; stop++) assert.equal(await host.must(renewal(stop)), `137 ${stop}\npair\n`)
    assert.match(await host.must(renewal(0)), /^0 \d+\npair$/m)
    assert.equal(await host.must(sh`cmp ${state}/fullchain.cer ${live}/fullchain.pem; find /var/lib/certificates -name '.*'`), '')
    await host.restore(asInstalled)
  })
}
