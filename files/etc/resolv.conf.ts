/** /etc/resolv.conf. `trust-ad`: what the resolver has validated is told to programs as such; good on loopback alone. */
export const resolvConf = (resolver: string): string =>
  ['# Written by provision.', `nameserver ${resolver}`, ...(isLoopback(resolver) ? ['options edns0 trust-ad'] : []), ''].join(
    '\n',
  )

/** True for an address of this very host. */
export const isLoopback = (address: string): boolean => /^127\./.test(address) || address === '::1'
