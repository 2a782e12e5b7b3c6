/**
 * The public name at 127.0.1.1, so that \`hostname -f\` answers it without a network; not at 127.0.0.1, which is localhost's.
 * See hosts(5) and Debian's reference, 5.1.1.
 */
export const hosts = (hostname: string): string => `# Written by provision.
127.0.0.1	localhost
127.0.1.1	${[hostname, hostname.split('.')[0]].join(' ')}

::1		localhost ip6-localhost ip6-loopback
ff02::1		ip6-allnodes
ff02::2		ip6-allrouters
`
