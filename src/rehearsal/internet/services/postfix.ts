import { sh } from '../../../sh.ts'
import { type InternetService, peerDomain, peerMx } from '../service.ts'
import { certificatesFolder } from './ca.ts'

/** Where the second mail server keeps what it got, for whomever. */
export const peerMaildir = '/var/mail/peer/inbox'

/** A second mail server: takes mail for anybody at its domain, and sends to others by MX (`swaks`, `sendmail`). */
export const postfix: InternetService = {
  name: 'postfix',
  packages: ['postfix', 'swaks', 'libnet-ssleay-perl', 'libsasl2-modules'],
  image: sh`systemctl enable postfix.service`,

  files: ({ addresses: { peer } }) => ({
    '/etc/mailname': `${peerDomain}\n`,
    '/etc/postfix/main.cf': `compatibility_level = 3.6
myhostname = ${peerMx}
mydomain = ${peerDomain}
myorigin = $mydomain
mydestination =
inet_interfaces = ${peer.v4}, [${peer.v6}], 127.0.0.1
inet_protocols = all
smtp_bind_address = ${peer.v4}
smtp_bind_address6 = ${peer.v6}
mynetworks = 127.0.0.0/8 ${peer.v4}/32 [${peer.v6}]/128
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
virtual_mailbox_domains = $mydomain
virtual_mailbox_base = /var/mail/peer
virtual_mailbox_maps = static:inbox/
virtual_uid_maps = static:8
virtual_gid_maps = static:8
virtual_minimum_uid = 8
smtp_tls_security_level = may
smtp_tls_CAfile = ${certificatesFolder}/ca.pem
smtp_tls_loglevel = 1
smtpd_tls_security_level = may
smtpd_tls_cert_file = ${certificatesFolder}/peer.pem
smtpd_tls_key_file = ${certificatesFolder}/peer.key
minimal_backoff_time = 5s
maximal_backoff_time = 20s
queue_run_delay = 5s
maillog_file = /var/log/mail.log
`,
  }),

  // Its addresses are there only once the network is.
  prepare: () => sh`
mkdir -p /var/mail/peer /etc/systemd/system/postfix@-.service.d
chown mail:mail /var/mail/peer
printf '[Unit]\nAfter=network-online.target\nWants=network-online.target\n' > /etc/systemd/system/postfix@-.service.d/network.conf`,

  ready: ({ addresses }) => sh`ss -Hltn src ${addresses.peer.v4} sport = :25 | grep -q .`,
}
