import { sh } from '../../../sh.ts'
import { type InternetService, internetDomain, peerMx } from '../service.ts'

/** Where the certificates of the small internet are: ca.pem, and NAME.pem with NAME.key. */
export const certificatesFolder = '/etc/rehearsal'

/** A certificate authority of this rehearsal, and a certificate for each server of the small internet. */
export const ca: InternetService = {
  name: 'the CA',
  packages: ['openssl'],
  files: () => ({}),

  prepare: ({ addresses }) => sh`
mkdir -p ${certificatesFolder}
cd ${certificatesFolder}
new_key() { openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"; }
new_key ca.key
openssl req -x509 -new -key ca.key -days 3650 -subj '/CN=Rehearsal CA' -out ca.pem
certify() {
  new_key "$1.key"
  openssl req -new -key "$1.key" -subj "/CN=$2" -out "$1.csr"
  printf 'subjectAltName=DNS:%s,IP:%s,IP:%s\n' "$2" "$3" "$4" > "$1.ext"
  openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 3650 -extfile "$1.ext" -out "$1.pem"
  rm -- "$1.csr" "$1.ext"
}
certify acme ${`acme.${internetDomain}`} ${addresses.acme.v4} ${addresses.acme.v6}
certify peer ${peerMx} ${addresses.peer.v4} ${addresses.peer.v6}
certify ntfy ${`ntfy.${internetDomain}`} ${addresses.ntfy.v4} ${addresses.ntfy.v6}
certify ovh ${`ovh.${internetDomain}`} ${addresses.ovh.v4} ${addresses.ovh.v6}`,

  ready: () => sh`test -s ${certificatesFolder}/ca.pem`,
}
