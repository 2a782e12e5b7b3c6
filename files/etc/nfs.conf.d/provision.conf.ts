/** /etc/nfs.conf.d/provision.conf: version 4 alone, which needs no rpcbind, on one address. See nfs.conf(5). */
export const nfsConf = (address: string): string => `# Written by provision.
[nfsd]
vers3=n
udp=n
host=${address}
`
