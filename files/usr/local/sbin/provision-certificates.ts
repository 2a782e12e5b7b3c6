import { type Sh, sh } from '../../../../src/sh.ts'

/** What the renewal script is made of. */
export interface Renewal {
  readonly certificates: readonly {
    readonly name: string
    readonly names: readonly string[]
    readonly group: string
    readonly unit: string
    readonly port: number
    /** The key that it shall have; the one that acme.sh has made, while there is no such file. */
    readonly key: `/${string}`
  }[]
  /** The ACME directory, as acme.sh's --server takes it. */
  readonly directory: string
  /** A PEM bundle on the host, for a CA of one's own. */
  readonly caBundle?: `/${string}` | undefined
  readonly email?: string | undefined
  /** How the CA is shown that the names are ours. */
  readonly challenge: DnsChallenge | HttpChallenge
}

/** By a record that is published for a moment. */
export interface DnsChallenge {
  readonly by: 'dns'
  /** acme.sh's name of the DNS API: dns_nsupdate, dns_ovh. */
  readonly api: string
  /** Seconds to wait for the name servers, instead of asking public resolvers: where those cannot be reached. */
  readonly wait?: number | undefined
}

/** By a file that the CA fetches on port 80: from Caddy, or from acme.sh itself while there is no Caddy yet. */
export interface HttpChallenge {
  readonly by: 'http'
  readonly ipv6: boolean
}

/** Where acme.sh is, what it keeps, and where the daemons read. */
export const acmePlaces = {
  program: '/usr/local/share/acme.sh',
  state: '/var/lib/acme',
  live: '/var/lib/certificates',
  challenge: '/var/lib/acme-challenge',
} as const

/**
 * The script that the timer starts daily. It asks the CA only when a third of a certificate's life is left or its names have
 * changed, and then puts the pair in place with one rename. It may be killed anywhere: what is served is always one pair.
 */
export const renewal = ({ certificates, directory, caBundle, email, challenge }: Renewal): string => `#!/bin/sh
${
  body(
    certificates,
    [
      ...['--home', acmePlaces.program, '--config-home', acmePlaces.state, '--server', directory],
      ...(caBundle === undefined ? [] : ['--ca-bundle', caBundle]),
      ...(email === undefined ? [] : ['--accountemail', email]),
    ],
    prove(challenge),
  ).text
}
`

/** Sets the arguments of acme.sh that say how. */
const prove = (challenge: Renewal['challenge']): Sh =>
  challenge.by === 'dns'
    ? sh`set -- "$@" --dns ${challenge.api} ${challenge.wait === undefined ? [] : ['--dnssleep', String(challenge.wait)]}`
    : sh`if systemctl -q is-active caddy.service; then set -- "$@" --webroot ${acmePlaces.challenge}
    else set -- "$@" --standalone ${challenge.ipv6 ? ['--listen-v6'] : []}; fi`

const body = (certificates: Renewal['certificates'], common: readonly string[], prove: Sh): Sh => sh`# Written by provision.
set -u
umask 077
failed=0
# Stops at the first command that fails, which “a || b” would not, and remembers it.
attempt() {
  ( set -e; "$@" )
  [ $? -eq 0 ] || failed=1
}
acme() { ${`${acmePlaces.program}/acme.sh`} ${common} "$@"; }

# Whether a certificate has the key that it shall have, where there is a file that says which.
declared() { [ ! -s "$2" ] || [ "$(openssl x509 -in "$1" -noout -pubkey)" = "$(openssl pkey -in "$2" -pubout)" ]; }

# True when there is none, when its names or its key are others, or when a third of its life is left.
due() {
  cert=$1 key=$2
  shift 2
  [ -s "$cert" ] || return 0
  declared "$cert" "$key" || return 0
  have=$(openssl x509 -in "$cert" -noout -ext subjectAltName | tr ',' '\n' | sed -n 's/.*DNS://p' | sort | tr '\n' ' ')
  [ "$have" = "$(printf '%s\n' "$@" | sort | tr '\n' ' ')" ] || return 0
  from=$(date -d "$(openssl x509 -in "$cert" -noout -startdate | cut -d= -f2)" +%s)
  to=$(date -d "$(openssl x509 -in "$cert" -noout -enddate | cut -d= -f2)" +%s)
  [ $(( (to - $(date +%s)) * 3 )) -le $((to - from)) ]
}

# New files in a new directory, then one renamed link: nobody ever reads a key and a certificate that do not match.
deploy() {
  source=${acmePlaces.state}/$1_ecc
  place=${acmePlaces.live}/$1
  if [ "$(openssl x509 -in "$source/fullchain.cer" -noout -pubkey)" != "$(openssl pkey -in "$source/$1.key" -pubout)" ]; then
    printf '%s: the certificate does not belong to the key, nothing is deployed\n' "$1" >&2
    return 1
  fi
  if ! declared "$source/fullchain.cer" "$3"; then
    printf '%s: the certificate is not of the key that is declared, and TLSA may not name it: nothing is deployed\n' "$1" >&2
    return 1
  fi
  serial=$(openssl x509 -in "$source/fullchain.cer" -noout -serial | cut -d= -f2)
  new=$place/$serial
  if [ "$(readlink "$place/live")" != "$serial" ] || ! cmp -s "$source/fullchain.cer" "$new/fullchain.pem" || ! cmp -s "$source/$1.key" "$new/privkey.pem"; then
    # Not the directory that is served, were it damaged: a fresh one beside it.
    if [ -e "$new" ]; then new=$place/$serial.$(date +%s); fi
    install -d -m 0755 ${acmePlaces.live} "$place"
    rm -rf -- "$place/.new"
    install -d -m 0750 -o root -g "$2" "$place/.new"
    install -m 0640 -o root -g "$2" "$source/fullchain.cer" "$place/.new/fullchain.pem"
    install -m 0640 -o root -g "$2" "$source/$1.key" "$place/.new/privkey.pem"
    mv -T -- "$place/.new" "$new"
    ln -sfn -- "$(basename "$new")" "$place/.live"
    mv -T -- "$place/.live" "$place/live"
  fi
  chown -R root:"$2" "$new"
  chmod 0750 "$new"
  chmod 0640 "$new/fullchain.pem" "$new/privkey.pem"
  for old in "$place"/*; do
    [ -L "$old" ] || [ "$(basename "$old")" = "$(readlink "$place/live")" ] || [ -n "$(find "$old" -maxdepth 0 -mtime -30)" ] || rm -rf -- "$old"
  done
}

# The daemon reads its certificate once a minute: what is served is what counts.
served() {
  systemctl -q is-active "$2" || return 0
  tries=0
  wanted=$(openssl x509 -in ${acmePlaces.live}/"$1"/live/fullchain.pem -noout -fingerprint -sha256)
  until [ "$(openssl s_client -connect 127.0.0.1:"$3" </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256 2>/dev/null)" = "$wanted" ]; do
    tries=$((tries + 1))
    if [ "$tries" -ge 90 ]; then
      printf '%s: port %s still serves another certificate after 90 seconds\n' "$1" "$3" >&2
      return 1
    fi
    sleep 1
  done
}

certificate() {
  name=$1 group=$2 unit=$3 port=$4 key=$5
  shift 5
  own=${acmePlaces.state}/"$name"_ecc/$name.key
  if due ${acmePlaces.state}/"$name"_ecc/fullchain.cer "$key" "$@"; then
    set -- "$name" $(for d in "$@"; do [ "$d" = "$name" ] || printf '%s ' "$d"; done)
    domains=$(printf ' -d %s' "$@")
    set -- --issue $domains --keylength ec-384 --force
    ${prove}
    # --force: whether it is due has been decided above. The key stays the same, so TLSA 3 1 1 stays true: another one than the
    # one declared, which its TLSA record announces, is never used. As acme.sh takes it over: from the file of its next key.
    if [ -s "$key" ] && ! cmp -s "$key" "$own"; then
      install -d -m 0700 "$(dirname "$own")"
      install -m 0600 "$key" "$own.next"
      set -- "$@" --always-force-new-domain-key
    fi
    if ! acme "$@" >&2; then
      printf '%s: the CA gave no certificate\n' "$name" >&2
      failed=1
    fi
  fi
  if [ -s ${acmePlaces.state}/"$name"_ecc/fullchain.cer ]; then
    attempt deploy "$name" "$group" "$key"
    attempt served "$name" "$unit" "$port"
  fi
}

${certificates.map(({ name, names, group, unit, port, key }) => sh`certificate ${name} ${group} ${unit} ${port} ${key} ${names}`)}
exit "$failed"`
