import { sh } from '../../../sh.ts'
import type { InternetService } from '../service.ts'

/** Where the socket of this machine's apt cache is seen inside, and the port that leads to it. */
export const aptSocketDirectory = '/srv/apt-cache'
/** The port of the apt proxy. */
export const aptPort = 3142

/** The apt cache runs outside, where packages come from; this is its door. */
export const aptRelay: InternetService = {
  name: 'the apt cache',
  packages: [],

  files: ({ addresses: { apt } }) => ({
    '/etc/systemd/system/apt-relay.socket': `[Socket]
ListenStream=${apt.v4}:${aptPort}
ListenStream=[${apt.v6}]:${aptPort}
FreeBind=yes

[Install]
WantedBy=sockets.target
`,
    '/etc/systemd/system/apt-relay.service': `[Service]
ExecStart=/lib/systemd/systemd-socket-proxyd ${aptSocketDirectory}/socket
`,
  }),

  prepare: () => sh`systemctl enable apt-relay.socket`,
  ready: ({ addresses: { apt } }) => sh`ss -Hltn src ${apt.v4} sport = ${`:${aptPort}`} | grep -q .`,
}
