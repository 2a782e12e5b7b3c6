import { type Secret, secretText } from '../../src/secret.ts'

/** How the system's own mail leaves: through our own mail server, by an account that only sends. */
export interface Msmtprc {
  readonly hostname: string
  /** The name on the mail server's certificate. */
  readonly mx: string
  readonly trusted: string
  readonly address: string
  readonly password: Secret
}

/**
 * /etc/msmtprc. It asks loopback, so that a name server that is down stops no mail. It has no queue: what matters when mail is down
 * goes by ntfy. See msmtp(1).
 */
export const msmtprc = ({ hostname, mx, trusted, address, password }: Msmtprc): Secret => secretText`# Written by provision.
account default
host 127.0.0.1
port 465
domain ${hostname}
timeout 30
tls on
tls_starttls off
tls_host_override ${mx}
tls_trust_file ${trusted}
auth plain
user ${address}
password "${password}"
# Whatever a program says, it is the host that writes.
from ${address}
allow_from_override off
set_from_header on
# “To: root” is no address for maddy, which refuses the mail (554 5.6.0, seen in 0.9.5); so who gets it is not told in it.
undisclosed_recipients on
aliases /etc/aliases
syslog LOG_MAIL
`
