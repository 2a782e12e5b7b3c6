/** One record. The name is absolute, without its final dot; `data` is as in a zone file, but a TXT is its text as it is. */
export interface DnsRecord {
  readonly name: string
  readonly type: 'A' | 'AAAA' | 'CAA' | 'MX' | 'PTR' | 'SRV' | 'TLSA' | 'TXT'
  readonly ttl: number
  readonly data: string
  /** One of ours that shall not be there any more: what says the same goes, and nothing else at that name. */
  readonly absent?: true
}

/** What the inventory does not know: it is made on the host. What is left out is not published. */
export interface HostFacts {
  /** By domain: the selector and its TXT (`v=DKIM1; k=rsa; p=…`). */
  readonly dkim?: ReadonlyMap<string, readonly { readonly selector: string; readonly value: string }[]>
  /** Digest of the mail certificate's key, as it is served: sha256 of the public key, in hex. */
  readonly tlsa?: readonly string[]
  /** The same of the keys that it has, had or will have, by their names. */
  readonly keys?: ReadonlyMap<string, string>
  /** Files that exist and cannot be read, each with its next move: what they would say is left out. */
  readonly damaged?: readonly string[]
}

/** What is in a zone, said without its TTL. */
export interface Said extends Pick<DnsRecord, 'name' | 'data'> {
  readonly type: DnsRecord['type'] | 'CNAME' | 'DS' | 'NS'
  /** Of a TXT that came from the network: the pieces that it is in there. */
  readonly parts?: readonly Uint8Array[] | undefined
  /** Of what came from the network: how long others keep it, in seconds. */
  readonly ttl?: number | undefined
}
