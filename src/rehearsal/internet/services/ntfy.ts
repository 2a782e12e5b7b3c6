import { sh } from '../../../sh.ts'
import { type InternetService, internetDomain, programsDirectory } from '../service.ts'
import { certificatesFolder } from './ca.ts'

/** Where it is asked: by address, since the operator’s machine asks another DNS. */
export const ntfyUrl = (address: string): string => `https://${address}`
/** Holds the access token that it gave out. */
export const ntfyTokenFile = '/etc/rehearsal/ntfy.token'

const data = '/var/lib/rehearsal-ntfy'
const program = `${programsDirectory}/ntfy`

/** An ntfy server: who has no token neither reads nor writes. */
export const ntfyService: InternetService = {
  name: 'ntfy',
  packages: ['libsqlite3-0', 'curl'],
  debian13: { name: 'ntfy', version: '2.11.0', path: 'usr/bin/ntfy' },

  files: ({ addresses: { ntfy } }) => ({
    '/etc/rehearsal/ntfy.yml': `base-url: https://ntfy.${internetDomain}
listen-http: ""
listen-https: "${ntfy.v4}:443"
cert-file: ${certificatesFolder}/ntfy.pem
key-file: ${certificatesFolder}/ntfy.key
cache-file: ${data}/cache.db
auth-file: ${data}/auth.db
auth-default-access: deny-all
web-root: disable
`,
    '/etc/systemd/system/rehearsal-ntfy.service': `[Unit]
Description=ntfy, for rehearsals
After=network-online.target
Wants=network-online.target

[Service]
Environment=NTFY_PASSWORD=of-nobody-else
ExecStartPre=sh -c 'mkdir -p ${data} && touch ${data}/auth.db'
ExecStartPre=sh -c '[ -s ${ntfyTokenFile} ] || { ${program} user --config /etc/rehearsal/ntfy.yml add --role=admin --ignore-exists provision && ${program} token --config /etc/rehearsal/ntfy.yml add provision 2>&1 | grep -o "tk_[a-z0-9]*" > ${ntfyTokenFile}; }'
ExecStart=${program} serve --config /etc/rehearsal/ntfy.yml --no-log-dates
Restart=on-failure

[Install]
WantedBy=multi-user.target
`,
  }),

  prepare: () => sh`systemctl enable rehearsal-ntfy.service`,

  ready: ({ addresses: { ntfy } }) =>
    sh`curl -fsS -o /dev/null --cacert ${certificatesFolder}/ca.pem ${`https://${ntfy.v4}/v1/health`}`,
}
