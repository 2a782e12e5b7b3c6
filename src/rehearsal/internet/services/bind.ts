import { sh } from '../../../sh.ts'
import { reverseName } from '../../../util/addresses.ts'
import type { Address } from '../../network/network.ts'
import { blocklist, type InternetService, internetDomain, peerDomain, peerMx, type World, type Zone } from '../service.ts'

/**
 * The whole DNS: the root, every domain of the inventory, the rehearsal's own, and the reverse zones.
 * It answers everybody, and takes changes from whoever has the key.
 */
export const bindService: InternetService = {
  name: 'BIND',
  packages: ['bind9', 'bind9-dnsutils'],
  image: sh`systemctl enable named.service`,

  files: (world) => ({
    '/etc/bind/named.conf': configuration(world),
    ...Object.fromEntries(zonesOf(world).map((zone) => [fileOf(zone), zoneText(zone)])),
  }),

  // Every zone is signed, and its key stands in the root, whose own key a resolver may trust. Dynamic zones are written by named itself.
  prepare: (world) => sh`
cd /var/lib/bind
for zone in ${zonesOf(world).map(({ name }) => name)}; do
  dnssec-keygen -q -k default "$zone"
  [ "$zone" = . ] || dnssec-dsfromkey -2 "K$zone".+*.key >> ${fileOf({ name: '.' })}
done
grep -h DNSKEY K.+*.key > ${rootKeyFile}
chown -R bind:bind /var/lib/bind`,

  ready: ({ addresses, zones }) => sh`
for zone in ${[internetDomain, ...zones.map(({ name }) => name)]}; do
  dig +short +time=1 +tries=1 @${addresses.dns.v4} SOA "$zone" | grep -q .
done`,
}

/** The key that the root is signed with. */
export const rootKeyFile = '/var/lib/bind/root.key'

/** The one name server of the root. */
export const rootHints = ({ addresses }: Pick<World, 'addresses'>): string =>
  `. 3600000 NS ns1.${internetDomain}.\n${both(`ns1.${internetDomain}.`, addresses.dns)}\n`

const fileOf = ({ name }: Pick<Zone, 'name'>): string => `/var/lib/bind/db.${name === '.' ? 'root' : name}`

function configuration(world: World): string {
  const { addresses, tsig } = world
  return `
options {
	directory "/var/cache/bind";
	listen-on { ${addresses.dns.v4}; 127.0.0.1; };
	listen-on-v6 { ${addresses.dns.v6}; };
	recursion yes;
	allow-query { any; };
	allow-recursion { any; };
	dnssec-validation no;
	dnssec-policy default;
	key-directory "/var/lib/bind";
	empty-zones-enable no;
	notify no;
};
key "${tsig.name}" {
	algorithm ${tsig.algorithm};
	secret "${tsig.secret}";
};
${zonesOf(world)
  .map(
    (zone) =>
      `zone "${zone.name}" { type primary; file "${fileOf(zone)}"; update-policy { grant "${tsig.name}" zonesub ANY; }; };`,
  )
  .join('\n')}
`.trimStart()
}

/** Its name servers stand in the root, so that a resolver which starts there finds its way. */
function zonesOf(world: World): readonly Zone[] {
  const { addresses, zones, reverse, host, mxname } = world
  const own: readonly Zone[] = [
    {
      name: internetDomain,
      text: [
        ...Object.entries({ ...addresses, ns1: addresses.dns }).map(([name, at]) => both(name, at)),
        // The entries that every blocklist has: who asks sees by them that it answers.
        `2.0.0.127.${blocklist} A 127.0.0.2`,
        `${reverseName('::ffff:7f00:2', blocklist)} A 127.0.0.2`,
      ].join('\n'),
    },
    {
      name: peerDomain,
      text: [
        `@ MX 10 ${peerMx}.`,
        both('@', addresses.peer),
        both('mx', addresses.peer),
        '@ TXT "v=spf1 mx -all"',
        'mx TXT "v=spf1 a -all"',
      ].join('\n'),
    },
    { name: reverse.v4, text: [pointer(host.v4, mxname), pointer(addresses.peer.v4, peerMx)].join('\n') },
    { name: reverse.v6, text: [pointer(host.v6, mxname), pointer(addresses.peer.v6, peerMx)].join('\n') },
  ]
  const all = [...zones, ...own.filter(({ name }) => zones.every((zone) => zone.name !== name))]
  const nameServer = `ns1.${internetDomain}.`
  const root = [...all.map(({ name }) => `${name}. NS ${nameServer}`), both(nameServer, addresses.dns)].join('\n')
  return [{ name: '.', text: root }, ...all]
}

const zoneText = ({ name, text }: Zone): string => `$ORIGIN ${name === '.' ? '.' : `${name}.`}
$TTL 60
@ SOA ns1.${internetDomain}. hostmaster.${internetDomain}. 1 3600 600 86400 10
@ NS ns1.${internetDomain}.
${text.trimEnd()}
`

const both = (name: string, { v4, v6 }: Address): string => `${name} A ${v4}\n${name} AAAA ${v6}`

/** Within a reverse zone, whose addresses all end in one number. */
function pointer(address: string, name: string): string {
  const last = address.split(/[.:]/).at(-1)!
  const owner = address.includes(':') ? last.padStart(16, '0').split('').toReversed().join('.') : last
  return `${owner} PTR ${name}.`
}
