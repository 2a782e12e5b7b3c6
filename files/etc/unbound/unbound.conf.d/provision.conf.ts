/** /etc/unbound/unbound.conf.d/provision.conf: a resolver that validates, for this host alone. */
export const unboundConf = (
  address: string,
): string => `# Written by provision. Debian's own part of it names the root's key, with which answers are validated.
server:
	interface: ${address}
	# Debian's list, which it keeps up to date.
	root-hints: /usr/share/dns/root.hints
	hide-identity: yes
	hide-version: yes
	prefetch: yes
	# After an outage of a name server it is asked again within a minute, not within fifteen.
	infra-host-ttl: 60
`
