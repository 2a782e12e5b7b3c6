import { acmePlaces, renewal } from '../files/usr/local/sbin/provision-certificates.ts'
import { type Playbook, playbook, step } from '../src/engine/step.ts'
import { certificateKeyPath, firstKey, liveKeys, type Server } from '../src/inventory/inventory.ts'
import { user } from '../src/kinds/access/user.ts'
import { directory } from '../src/kinds/files/directory.ts'
import { file } from '../src/kinds/files/file.ts'
import { privateKey } from '../src/kinds/files/private-key.ts'
import { certificate } from '../src/kinds/mail/certificate.ts'
import { type ArtifactOrigin, artifact } from '../src/kinds/packages/artifact.ts'
import { packages } from '../src/kinds/packages/packages.ts'
import { service } from '../src/kinds/system/service.ts'
import { type Secret, secretText } from '../src/secret.ts'
import { sh } from '../src/sh.ts'
import { text } from '../src/util/text.ts'

type Certificates = Pick<Server, 'acme' | 'address6' | 'dns' | 'mail'> & {
  readonly origin: ArtifactOrigin
}

const unit = 'provision-certificates'

/** The mail certificate: issued by DNS-01, or by HTTP-01 where nobody writes records for us; readable by maddy and writable by nobody but root, renewed daily when it is due. */
export const certificates = ({ acme, address6, dns, mail, origin }: Certificates): Playbook => {
  const { tlsa } = mail
  const named =
    tlsa.key === firstKey && liveKeys(tlsa).length === 1 ? [] : [tlsa.key, ...(tlsa.next === undefined ? [] : [tlsa.next])]
  const key = certificateKeyPath(mail.hostname, tlsa.key)
  return playbook('certificates', [
    step('Install acme.sh', [
      // acme.sh asks with curl; nsupdate is in bind9-dnsutils.
      // And it answers the CA with socat, before there is a web server.
      packages({
        name: 'certificates',
        installed: ['curl', 'bind9-dnsutils', 'openssl', ...(dns.provider === 'manual' ? ['socat'] : [])],
      }),
    ]),
    step('Install the pinned acme.sh', [artifact({ name: 'acme.sh', ...origin, path: acmePlaces.program, tree: true })]),

    // The daemon that reads the key: acme.sh's own permissions would be its fight with root at every renewal.
    step('Make the user that reads the key', [user({ name: 'maddy', system: true })]),

    step('Configure the renewal', [
      directory({ path: '/etc/provision', mode: '0700' }),
      directory({ path: acmePlaces.state, mode: '0700' }),
      file({ path: '/etc/provision/acme.env', content: environment(dns), mode: '0600' }),
      nsupdateKey(dns),
      ...(dns.provider === 'manual' ? challengeFolders : []),
      acme.ca !== undefined && file({ path: caFile, content: acme.ca }),
      file({
        path: `/usr/local/sbin/${unit}`,
        mode: '0755',
        content: renewal({
          certificates: [{ name: mail.hostname, names: [mail.hostname], group: 'maddy', unit: 'maddy.service', port: 465, key }],
          directory: acme.directory,
          caBundle: acme.ca === undefined ? undefined : caFile,
          email: acme.email,
          challenge:
            dns.provider === 'manual'
              ? { by: 'http', ipv6: address6 !== undefined }
              : { by: 'dns', api: dns.provider === 'ovh' ? 'dns_ovh' : 'dns_nsupdate', wait: dns.wait },
        }),
        check: sh`sh -n "$tmp"`,
      }),
      file({ path: `/etc/systemd/system/${unit}.service`, content: text(`etc/systemd/system/${unit}.service`) }),
      file({ path: `/etc/systemd/system/${unit}.timer`, content: text(`etc/systemd/system/${unit}.timer`) }),
    ]),

    // acme.sh has made the first one. From the first change of a key on each has a name, and its TLSA record comes before it.
    step('Make the keys that TLSA names', [
      named.length > 0 && directory({ path: `${acmePlaces.state}/keys`, mode: '0700' }),
      ...named.map((name) =>
        privateKey({
          path: certificateKeyPath(mail.hostname, name),
          type: 'ec',
          owner: 'root',
          ...(name === firstKey ? { from: `${acmePlaces.state}/${mail.hostname}_ecc/${mail.hostname}.key` as const } : {}),
        }),
      ),
    ]),

    step({ title: 'Get the certificate', risk: 'mail outage without it' }, [
      certificate({
        name: mail.hostname,
        live: `${acmePlaces.live}/${mail.hostname}/live`,
        names: [mail.hostname],
        group: 'maddy',
        unit: `${unit}.service`,
        ...(named.length === 0 ? {} : { key }),
        needs:
          dns.provider === 'manual'
            ? `the CA looks at http://${mail.hostname}/: its records have to lead here first (provision dns records --offline prints them)`
            : undefined,
      }),
    ]),
    step('Run the renewal daily', [service({ unit: `${unit}.timer`, reads: [`/etc/systemd/system/${unit}.timer`] })]),
  ])
}

/** Where the CA's file is: Caddy reads it. */
const challengeFolders = ['', '/.well-known', '/.well-known/acme-challenge'].map((below) =>
  directory({ path: `${acmePlaces.challenge}${below}` }),
)

const caFile = '/etc/provision/acme-ca.pem'

const keyFile = '/etc/provision/nsupdate.key'

/** What acme.sh's DNS API needs, as systemd.exec(5) reads it from an EnvironmentFile: quoted, with \ and " escaped. */
function environment(dns: Server['dns']): Secret | string {
  if (dns.provider === 'ovh')
    return secretText`OVH_END_POINT="${dns.endpoint}"
OVH_AK="${dns.application_key}"
OVH_AS="${dns.application_secret}"
OVH_CK="${dns.consumer_key}"
`
  if (dns.provider === 'nsupdate')
    return secretText`NSUPDATE_SERVER="${dns.server}"
NSUPDATE_SERVER_PORT="${dns.port}"
NSUPDATE_KEY="${keyFile}"
`
  return '# Nothing: the CA fetches a file on port 80.\n'
}

const nsupdateKey = (dns: Server['dns']) =>
  dns.provider === 'nsupdate' &&
  file({
    path: keyFile,
    mode: '0600',
    content: secretText`key "${dns.key.name}" { algorithm ${dns.key.algorithm}; secret "${dns.key.secret}"; };\n`,
  })
