import { type Sh, sh } from '../../../../src/sh.ts'

/** Where people are looked up, and who of them has a mailbox. */
export interface Ldap {
  readonly url: string
  readonly starttls: boolean
  readonly base: string
  readonly bind: string
  readonly users: 'mail' | 'uid'
  /** The domain of those who are found by uid. */
  readonly domain: string
  readonly filter: string
  /** All domains of ours. */
  readonly domains: readonly string[]
  /** Addresses that are ours and not the directory's: accounts and aliases. */
  readonly declared: readonly string[]
}

/** Where the password of who looks people up is, and the addresses that the directory said the last time. */
export const ldapPlaces = { password: '/etc/ldap/provision.password', addresses: '/var/lib/maddy/ldap-addresses' } as const

/**
 * `provision-ldap [sync|check]`, as maddy: alone it is what maddy asks at a login (auth.external: name and password on stdin; 0 yes,
 * 1 no, 2 could not ask). `sync` makes the mailboxes of all who are in the directory, `check` counts them. maddy's own auth.ldap is
 * not used: maddy 0.9.5 does not start while such a directory is down, and all mail is down with it.
 */
export const ldap = (what: Ldap): string => `#!/bin/sh\n${body(what).text}\n`

const body = ({
  url,
  starttls,
  base,
  bind,
  users,
  domain,
  filter,
  domains,
  declared,
}: Ldap): Sh => sh`# Written by provision. provision-ldap [sync|check]
set -u
export LC_ALL=C PATH=\${PROVISION_PATH:-/usr/local/bin:/usr/bin:/bin}
# Never what /etc/ldap/ldap.conf or a .ldaprc says.
export LDAPTLS_REQCERT=demand LDAPTLS_CACERT=/etc/ssl/certs/ca-certificates.crt
state=\${PROVISION_MADDY:-/var/lib/maddy}
list=$state/ldap-addresses

ask() { program=$1; shift; timeout 15 "$program" -x ${starttls ? sh`-ZZ` : sh``} -o nettimeout=5 -H ${url} "$@"; }
search() { ask ldapsearch -LLL -o ldif-wrap=no -D ${bind} -y ${ldapPlaces.password} -b ${base} -s sub "$@"; }

# Of one of our domains, and nobody's yet. No character of such a name means anything in a filter, in SQL or in a shell.
ours() {
  printf '%s\n' "$1" | grep -qxE '[a-z0-9_][a-z0-9_-]*([.][a-z0-9_-]+)*@[a-z0-9.-]+' || return 1
  case ${` ${declared.join(' ')} `} in *" $1 "*) return 1 ;; esac
  case ${` ${(users === 'uid' ? [domain] : domains).join(' ')} `} in *" \${1#*@} "*) ;; *) return 1 ;; esac
}

# Made before the first login: maddy would make it then, without Sent, Trash, Junk, Drafts and Archive.
has_mailbox() { [ -n "$(sqlite3 -readonly -cmd '.timeout 5000' "$state/imapsql.db" "SELECT 1 FROM users WHERE username = '$1'")" ]; }
mailbox() {
  has_mailbox "$1" || maddy imap-acct create "$1" </dev/null >/dev/null 2>&1
  has_mailbox "$1" || return 1
  grep -qxF -- "$1" "$list" 2>/dev/null || printf '%s\n' "$1" >> "$list"
}

login() {
  IFS= read -r name && IFS= read -r password || exit 1
  # maddy keeps the pipe open, so nothing more is read. An empty password proves nothing: RFC 4513, 5.1.2.
  if [ -z "$password" ] || ! ours "$name"; then exit 1; fi
  found=$(search ${users === 'mail' ? sh`${`(&${filter}(mail=`}"$name"'))'` : sh`${`(&${filter}(uid=`}"\${name%@*}"'))'`} 1.1 2>/dev/null) || exit 2
  dn=$(printf '%s\n' "$found" | sed -n 's/^dn:: */base64 /p; s/^dn: */plain /p')
  case $dn in
    *"
"* | '') exit 1 ;;
    'base64 '*) dn=$(printf '%s' "\${dn#base64 }" | base64 -d) ;;
    *) dn=\${dn#plain } ;;
  esac
  printf '%s' "$password" | ask ldapwhoami -D "$dn" -y /dev/stdin >/dev/null 2>&1
  # Wrong, not allowed, no password of its own: no. Everything else says nothing about the password.
  case $? in 0) ;; 19 | 48 | 49 | 50 | 53) exit 1 ;; *) exit 2 ;; esac
  mailbox "$name" || exit 2
}

# Lower case, as maddy keeps it; one line each, and more than one where several have the same.
people() {
  found=$(search -E pr=200/noprompt ${filter} ${users}) || return 1
  printf '%s\n' "$found" | sed -n ${`s/^${users}: *//p`} | tr A-Z a-z | while IFS= read -r one; do
    ${users === 'uid' ? sh`one=$one@${domain}` : sh``}
    if ours "$one"; then printf '%s\n' "$one"; fi
  done | sort
}

sync() {
  all=$(people) || exit 1
  # One who may not read is told of nobody, and of no error: that is not that everybody has gone.
  if [ -z "$all" ]; then echo ${`the directory shows nobody: may ${bind} read it?`} >&2; exit 1; fi
  code=0
  for one in $(printf '%s\n' "$all" | uniq -d); do echo "several have the address $one, and none of them can log in" >&2; code=1; done
  all=$(printf '%s\n' "$all" | uniq)
  for one in $all; do mailbox "$one" || { echo "maddy has made no mailbox for $one" >&2; code=1; }; done
  printf '%s\n' "$all" > "$list.new"
  mv -- "$list.new" "$list"
  exit $code
}

umask 007
case \${1:-} in
  '') login ;;
  sync) sync ;;
  check) all=$(people) || exit 1; printf '%s\n' "$all" | grep -c . || : ;;
  *) echo 'usage: provision-ldap [sync|check]' >&2; exit 2 ;;
esac`
