import { sh } from '../../../sh.ts'
import type { InternetService } from '../service.ts'
import { certificatesFolder } from './ca.ts'

/** Pebble's own port, and the one that tells its roots. */
export const acmePorts = { directory: 14000, roots: 15000 }

/** An ACME server: http-01 on 80, tls-alpn-01 on 443 and dns-01, all by the rehearsal's DNS. */
export const pebble: InternetService = {
  name: 'Pebble',
  packages: ['pebble', 'curl'],

  files: ({ addresses }) => ({
    '/etc/rehearsal/pebble.json': JSON.stringify({
      pebble: {
        listenAddress: `${addresses.acme.v4}:${acmePorts.directory}`,
        managementListenAddress: `${addresses.acme.v4}:${acmePorts.roots}`,
        certificate: `${certificatesFolder}/acme.pem`,
        privateKey: `${certificatesFolder}/acme.key`,
        httpPort: 80,
        tlsPort: 443,
        ocspResponderURL: '',
        externalAccountBindingRequired: false,
      },
    }),
    '/etc/systemd/system/rehearsal-acme.service': `[Unit]
Description=Pebble, an ACME server for rehearsals
After=network-online.target named.service
Wants=network-online.target

[Service]
Environment=PEBBLE_VA_NOSLEEP=1 PEBBLE_AUTHZREUSE=0
ExecStart=/usr/bin/pebble -config /etc/rehearsal/pebble.json -dnsserver ${addresses.dns.v4}:53
Restart=on-failure

[Install]
WantedBy=multi-user.target
`,
  }),

  prepare: () => sh`systemctl enable rehearsal-acme.service`,

  ready: ({ addresses }) =>
    sh`curl -fsS -o /dev/null --cacert ${certificatesFolder}/ca.pem ${`https://${addresses.acme.v4}:${acmePorts.directory}/dir`}`,
}
