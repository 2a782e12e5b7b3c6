/**
 * /etc/nfs.conf.d/provision.conf: version 4 alone, which needs no rpcbind, on one address. See nfs.conf(5). Version 2, which no
 * kernel speaks any more, too: else rpc.mountd listens for it on four ports of every address.
 */
export const nfsConf = (address: string): string => `# Written by provision.
[nfsd]
vers2=n
vers3=n
udp=n
host=${address}
`
