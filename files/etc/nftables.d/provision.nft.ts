/** Who is not counted on the ports of people. */
export interface NftRules {
  /** The networks of the operator's own: `fail2ban.ignore`. Many people may be behind one address there. */
  readonly known: readonly string[]
}

/**
 * /etc/nftables.d/provision.nft: a table of our own, which ufw does not know and a reload of ufw does not touch. See nft(8); `ct count`
 * needs nft_connlimit, which Debian's kernel has. An IPv6 address is its network of 64 bits: one customer has all of them.
 */
export const nftRules = ({ known }: NftRules): string => `# Written by provision.
table inet provision
delete table inet provision
table inet provision {
	# What leaves for port 25 is maddy's: a program that was broken into cannot send past its queue.
	chain outgoing {
		type filter hook output priority filter; policy accept;
		oifname != "lo" meta skuid != "maddy" tcp dport 25 counter reject with tcp reset
	}

	# One address cannot hold what all need: so many connections at a time, and so many new ones a second.
${['server', 'person', 'try'].map((name) => `${set(`${name}4`, 'ipv4_addr')}${set(`${name}6`, 'ipv6_addr')}`).join('')}
	chain incoming {
		type filter hook input priority filter - 10; policy accept;
		iifname != "lo" tcp dport { 25, 465, 587, 993 } ct state new jump mail
	}
	chain mail {
${known.map((network) => `		${network.includes(':') ? 'ip6' : 'ip'} saddr ${network} tcp dport != 25 return\n`).join('')}\
		update @try4 { ip saddr limit rate over 10/second burst 200 packets } counter drop
		update @try6 { ${network6} limit rate over 10/second burst 200 packets } counter drop
		tcp dport 25 add @server4 { ip saddr ct count over 20 } counter reject with tcp reset
		tcp dport 25 add @server6 { ${network6} ct count over 20 } counter reject with tcp reset
		tcp dport != 25 add @person4 { ip saddr ct count over 100 } counter reject with tcp reset
		tcp dport != 25 add @person6 { ${network6} ct count over 100 } counter reject with tcp reset
	}
}
`

const network6 = 'ip6 saddr & ffff:ffff:ffff:ffff::'

/** A set that rules fill. When it is full, whoever is new in it is not counted. */
function set(name: string, type: string): string {
  const flags = name.startsWith('try') ? 'flags dynamic,timeout\n\t\ttimeout 1m' : 'flags dynamic'
  return `	set ${name} {
		type ${type}
		size 65535
		${flags}
	}
`
}
