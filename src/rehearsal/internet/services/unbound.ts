import { sh } from '../../../sh.ts'
import { type InternetService, internetDomain } from '../service.ts'

/** A resolver that proves what it answers, from the root's own key: BIND never says so of what it is authoritative for. */
export const unboundService: InternetService = {
  name: 'unbound',
  packages: ['unbound', 'bind9-dnsutils'],
  image: sh`systemctl enable unbound.service`,

  files: ({ addresses: { resolver, dns } }) => ({
    // Nothing is kept: what a test has published is seen at once, also below a name that was not there within the same second.
    '/etc/unbound/unbound.conf.d/rehearsal.conf': `server:
	interface: ${resolver.v4}
	interface: ${resolver.v6}
	ip-freebind: yes
	access-control: 0.0.0.0/0 allow
	access-control: ::/0 allow
	root-hints: /etc/unbound/rehearsal.hints
	do-not-query-localhost: no
	cache-max-ttl: 0
	cache-max-negative-ttl: 0
	aggressive-nsec: no
	infra-host-ttl: 10
`,
    // Without an answer to its first question about the root's key it answers SERVFAIL for a minute.
    '/etc/systemd/system/unbound.service.d/rehearsal.conf': `[Service]
ExecStartPre=/bin/sh -c 'until dig +short +time=1 +tries=1 @${dns.v4} . DNSKEY | grep -q .; do :; done'
TimeoutStartSec=60
`,
    '/etc/unbound/rehearsal.hints': `. 3600 NS ns1.${internetDomain}.\nns1.${internetDomain}. 3600 A ${dns.v4}\nns1.${internetDomain}. 3600 AAAA ${dns.v6}\n`,
  }),

  // Debian's unit takes its anchor from there; a second anchor in a .conf, and it does not start.
  prepare: () => sh`grep -hv '^;' /var/lib/bind/K.+*.key > /usr/share/dns/root.key
rm -f /var/lib/unbound/root.key`,

  ready: ({ addresses: { resolver } }) =>
    sh`dig +dnssec +time=1 +tries=1 ${`@${resolver.v4}`} SOA ${internetDomain} | grep -q 'flags:.* ad[ ;]'`,
}
