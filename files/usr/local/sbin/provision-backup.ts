import { howMuchLearned } from '../../../../src/kinds/sh/rspamd.ts'
import { type Sh, sh } from '../../../../src/sh.ts'
import { archivedRoots, backupPlaces, storageOf } from '../../../etc/provision/borg.ts'

/** What the backup script is made of. */
export interface BackupScript {
  readonly repository: string
  /** What the secrets call its passphrase. */
  readonly secret: string
  /** What the records of its domains say now: a restore elsewhere tells which of them change. */
  readonly addresses: readonly string[]
  /** The folders that are declared, wherever they are: each is in an archive, or it is reported that it is not. */
  readonly folders: readonly string[]
  /** Whether the databases of MariaDB are dumped, too. */
  readonly mariadb: boolean
  /** Whether redis, which has what rspamd has learned, is to write it down before. */
  readonly rspamd: boolean
  /** The host only adds: what is old is removed by somebody else. */
  readonly appendOnly: boolean
  readonly keep: { readonly daily: number; readonly weekly: number; readonly monthly: number }
}

/**
 * `provision-backup run|check|init|sql NAME|borg …`: what the timers start, and what the operator's commands ask. It may be killed anywhere:
 * an archive is there as a whole or not at all, and what is left here is taken away by the next run.
 */
export const backupScript = (from: BackupScript): string => `#!/bin/sh\n${body(from).text}\n`

const body = ({
  repository,
  secret,
  addresses,
  folders,
  mariadb,
  rspamd,
  appendOnly,
  keep,
}: BackupScript): Sh => sh`# Written by provision. provision-backup run | check | init | sql NAME | borg …
set -u
umask 077
settings=${backupPlaces.settings}
secret=${secret}
state=${backupPlaces.state}
export LC_ALL=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export BORG_REPO=${repository} BORG_BASE_DIR=$state
# What has opened the repository; before its first opening, what is declared.
proved() { if [ -s "$settings/$1" ]; then printf %s "$settings/$1"; else printf %s "$settings/$1.declared"; fi; }
# A file, so that the passphrase stands in no environment and in no list of processes.
BORG_PASSCOMMAND="cat $(proved passphrase)"
export BORG_PASSCOMMAND
export BORG_RSH='/usr/local/sbin/provision-backup ssh'
# When borg has neither read nor written for so many seconds, twice, it is ended: a storage may keep the line and say no more.
# With --progress a storage that is at work says so.
patience=900
phase=begin
said=/run/provision/backup.said
mkdir -p /run/provision "$state"

# The end of what borg said, without its progress, and what to do about it.
fail() {
  reason=$1
  if [ -s "$said" ]; then
    words=$(tr '\r' '\n' < "$said" | grep -vE '^ *$|rebuilt index:|Checking segments|Compacting segments' | grep -vE '^[0-9.]+ .?B O .* N ' | grep -vE '^(Local|Remote) Exception|^(Traceback|Platform|Linux|Borg|PID|CWD|sys\.argv|SSH_ORIGINAL)|^  ' | tail -n 5)
    # borg does not always wait for what ssh has to say.
    case $words in *'Connection closed by remote host'*)
      words="$words
$($BORG_RSH ${login(repository)} borg serve < /dev/null 2>&1 > /dev/null)" ;;
    esac
    reason="$reason: $words"
    case $words in
      *'Host key verification failed'*) reason="$reason
That machine is not the one whose key is pinned in backup.host_keys: ask its provider before you change it." ;;
      *'Permission denied (publickey'*) reason="$reason
It does not take the key of this host: “provision backup key” prints the line for its authorized_keys." ;;
      *'acquire the lock'*) reason="$reason
Somebody else works on the repository, or a run that died has left its lock: if nobody does, “provision backup unlock” removes it." ;;
      *'ntegrity'* | *'mismatch'* | *'errors found'*) reason="$reason
Nothing was repaired. What is damaged there is lost; “provision-backup borg check --repair” on the host makes the rest usable, and the next backup adds what is missing." ;;
      *'is incorrect'*) reason="$reason
The passphrase in the secrets is not the one of this repository. What it was before: “provision secrets show $secret --previous”." ;;
      *'nothing has moved'*) reason="$reason
The storage kept the line and said no more; an archive is there as a whole or not at all, and the next run tries again." ;;
      *'Connection closed by remote host'* | *'onnection refused'* | *'timed out'* | *'not resolve'* | *'unreachable'*) reason="$reason
The storage could not be reached; nothing there has changed, and the next run tries again." ;;
    esac
  fi
  printf '%s: %s\n' "$phase" "$reason" >&2
  printf 'failed %s\n' "$phase" > /run/provision/backup.phase
  exit 1
}
# Exit code 1 of borg is a warning: a file changed while it was read.
borg_() {
  : > "$said"
  borg --lock-wait 60 "$@" 2>> "$said" &
  awaited=$!
  # It may outlive us for a second: without the lock, and without what our caller reads.
  { exec < /dev/null > /dev/null 2>&1 8>&-; give_up "$awaited"; } &
  wait "$awaited"
  code=$?
  [ "$code" -le 1 ] || return "$code"
}
give_up() {
  moved=
  until timeout "$patience" tail -f --pid="$1" /dev/null; do
    now=$(cat "/proc/$1/io") || return
    if [ "$now" = "$moved" ]; then
      printf 'nothing has moved for %s s: given up\n' "$patience" >> "$said"
      kill "$1"
      timeout 30 tail -f --pid="$1" /dev/null || kill -9 "$1"
    fi
    moved=$now
  done
}
# Whoever is not the pinned machine gets nothing; a line that went dead is noticed within two minutes.
# One damaged segment makes the storage name every object of the index. borg reads no more of that once it has its answer, and waits for
# ssh, which waits for its reader, for ever (borgbackup/borg#10165): so these lines stop here.
ssh_() {
  exec 8>&-
  { ssh -F none -i "\${backup_key:-$(proved id_ed25519)}" -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile="$settings/known_hosts" -o GlobalKnownHostsFile=/dev/null -o ConnectTimeout=30 -o ServerAliveInterval=30 -o ServerAliveCountMax=4 "$@" 2>&1 >&3 3>&- |
    grep -av --line-buffered 'ID: .* rebuilt index: .* committed index: ' >&2 3>&-; } 3>&1 >&-
}
# What is not in the archive and should be: the rest is made all the same, and nothing old is removed, which may have it.
lacking=
lacks() {
  lacking="$lacking$1
"
}
begin() {
  phase=$1
  printf '%s\n' "$phase" > /run/provision/backup.phase
}
alone() {
  exec 8> /run/provision/backup.lock
  flock -n 8 || {
    # Its words and its phase stay its own.
    echo 'another backup or check is running here' >&2
    exit 1
  }
  : > "$said"
}

${mariadb ? sqlFunctions : sh``}
copied() {
  words=$(sqlite3 -readonly -cmd '.timeout 60000' "$1" ".backup '$2'" 2>&1) && [ -z "$words" ] && [ -s "$2" ]
}

# Each folder that is declared, where it really is: a link may lead elsewhere, and of a link borg takes the link alone.
folders() {
  roots=$(printf 'R %s\n' ${archivedRoots})
  found=
  for folder in ${folders}; do
    if [ ! -d "$folder" ]; then
      lacks "$folder is declared, and there is no such folder"
      continue
    fi
    real=$(readlink -f -- "$folder")
    found="$found$folder $real
"
    held=$(printf '%s\n' "$roots" | while read -r _ root; do case $real/ in "$root"/*) echo yes ;; esac; done)
    [ -n "$held" ] || roots="$roots
R $real"
  done
  printf '%s\n' "$roots" > "$state/dump.new/roots" && printf %s "$found" > "$state/dump.new/folders" && return
  rm -rf -- "$state/dump.new"
  fail 'the list of the folders that are declared could not be written'
}

# Whole and of one moment, even while maddy writes. Not while the probe has a mail under way, whose file would be gone when it is read.
dump() {
  begin dump
  exec 7> /run/provision/probe.lock
  flock -w 300 7
  rm -rf -- "$state/dump.new"
  mkdir -p "$state/dump.new/maddy"
  printf '%s\n' ${addresses} > "$state/dump.new/addresses"
  set -- /var/lib/maddy/*.db
  [ -e "$1" ] || set --
  needed=$(stat -c %s -- / "$@" | awk '{ sum += $1 } END { printf "%d", sum / 1024 + 20480 }')
${
  mariadb
    ? sh`  sql_size
  needed=$((needed + size))`
    : sh``
}
  free=$(df -Pk "$state" | awk 'NR == 2 { print $4 }')
  [ "$free" -ge "$needed" ] || fail "the dumps of the databases need $needed kB below $state, and $free are free"
  for database in "$@"; do
    copy=$state/dump.new/maddy/$(basename "$database")
    if ! copied "$database" "$copy"; then
      rm -rf -- "$state/dump.new"
      fail "the dump of $database: $words"
    fi
  done
${mariadb ? sh`  sql_dumps` : sh``}
  bans=/var/lib/fail2ban/fail2ban.sqlite3
  if [ -f "$bans" ]; then copied "$bans" "$state/dump.new/fail2ban.sqlite3" || lacks "the bans of fail2ban: $words"; fi
${rspamd ? learned : sh``}
  folders
  rm -rf -- "$state/dump"
  mv -T -- "$state/dump.new" "$state/dump"
  exec 7>&-
}

run() {
  alone
  started=$(date +%s)
  # The databases before the message files: a mail that came in between is in the archive and waits for nobody; the other order would lose it.
  dump
  begin create
  name=$(date +%Y-%m-%d-%Hh%M)
  archive() { borg_ create --progress --stats --compression auto,zstd --exclude-caches --patterns-from "$state/dump/roots" --patterns-from "$settings/patterns" "::$1"; }
  if ! archive "$name"; then
    grep -q 'already exists' "$said" || fail 'no archive was made'
    name=$name-$(date +%S)
    archive "$name" || fail 'no archive was made'
  fi
  value() { tr '\r' '\n' < "$said" | sed -n "s/^$1: *//p" | tail -n 1; }
  sizes=$(tr '\r' '\n' < "$said" | awk '/^This archive:/ { print $3, $4 " of files, " $7, $8 " new in the repository" }')
  what="$name: $(value 'Number of files') files, $sizes"
  warnings=$(tr '\r' '\n' < "$said" | grep -cE ': (file changed while we backed it up|\[Errno)')
  # On a full disk the archive is there all the same, and the watch would call it missing.
  { date +%s && printf '%s\n' "$what"; } > "$state/last.new" && mv -T -- "$state/last.new" "$state/last" || what="$what
its time could not be written below $state"
${
  appendOnly
    ? sh``
    : sh`  if [ -z "$lacking" ]; then
  begin prune
  borg_ prune --keep-daily ${keep.daily} --keep-weekly ${keep.weekly} --keep-monthly ${keep.monthly} || fail 'the archive is there, and what is old could not be removed'
  begin compact
  borg_ compact --progress || fail 'the archive is there, and what was removed still takes its room'
  fi`
}
  begin done
  took=$(( $(date +%s) - started ))
  printf '%s, in %s s\n' "$what" "$took"
  [ "$warnings" -eq 0 ] || printf '%s files changed while they were read, or could not be read\n' "$warnings"
  if [ -n "$lacking" ]; then
    lacking="not in it: \${lacking}${appendOnly ? sh`` : sh`Nothing old was removed, as it may be the only copy.`}"
    printf '%s\n' "$lacking"
    provision-notify -p high 'backup incomplete' "$what
$lacking" || :
    return
  fi
  provision-notify -p low 'backup done' "$what, in $took s$([ "$warnings" -eq 0 ] || printf '\n%s files changed while they were read, or could not be read' "$warnings")" || :
}

check() {
  alone
  begin check
  # Here a warning is damage.
  if ! { borg_ check --progress && [ "$code" -eq 0 ]; }; then
    fail 'the repository is damaged, or could not be checked'
  fi
  date +%s > "$state/checked" || fail 'the repository is sound, and when that was seen could not be written'
  begin done
  echo 'the repository and all archives are sound'
}

# A repository that is there is opened with what is declared, which proves key, passphrase and pinned machine; else it is made. Until
# then what opened it before stays in use. Where only the passphrase of before opens it, it gets the declared one; killed in between,
# one of the two opens it, and the next run finds out which.
init() {
  : > "$said"
  begin open
  [ -s "$settings/known_hosts" ] || fail "backup.host_keys names no key of the storage. It shows, to be compared with what its provider says:
$(${keyscan(repository)} 2>/dev/null | grep -v '^#' | cut -d' ' -f2-)"
  # Where it is says the inventory: that it was elsewhere before is no surprise here, and one to every other run.
  export BORG_RELOCATED_REPO_ACCESS_IS_OK=yes
  export backup_key="$settings/id_ed25519.declared" BORG_PASSCOMMAND="cat $settings/passphrase.declared"
  if ! borg_ info > /dev/null; then
    if grep -q 'does not exist\|is not a valid repository' "$said"; then
      begin init
      borg_ init --make-parent-dirs --encryption repokey-blake2 || fail 'the repository cannot be made'
    elif grep -q 'is incorrect' "$said" && [ -s "$settings/passphrase" ]; then
      change_passphrase
    else
      fail 'the repository cannot be opened'
    fi
  fi
  prove passphrase
  prove id_ed25519
}
change_passphrase() {
  begin passphrase
  # borg takes a new one from its environment or from a terminal. Only root sees that environment, while this runs.
  (
    BORG_PASSCOMMAND="cat $settings/passphrase" BORG_NEW_PASSPHRASE=$(cat "$settings/passphrase.declared")
    export BORG_PASSCOMMAND BORG_NEW_PASSPHRASE
    borg_ key change-passphrase > /dev/null
  ) || fail 'neither the declared passphrase nor the one of before opens the repository'
  borg_ info > /dev/null || fail 'the repository does not open with the passphrase that it has just been given'
  echo 'the passphrase of the repository is now the declared one'
}
prove() {
  cmp -s "$settings/$1.declared" "$settings/$1" && return
  [ ! -s "$settings/$1" ] || cp -p -- "$settings/$1" "$settings/$1.before"
  cp -p -- "$settings/$1.declared" "$settings/$1.new"
  sync -- "$settings/$1.new"
  mv -T -- "$settings/$1.new" "$settings/$1"
}

case \${1:-} in
  run) run ;;
  check) check ;;
  init) init ;;
${mariadb ? sh`  sql) sql_dump "$2" ;;` : sh``}
  borg) shift; exec borg "$@" ;;
  ssh) shift; ssh_ "$@" ;;
  *) echo 'usage: provision-backup run | check | init | sql NAME | borg …' >&2; exit 2 ;;
esac`

/**
 * Each database as SQL, of one moment, and so that it makes itself where it is read. Tables of other engines than InnoDB know no
 * moment: while theirs are read nobody writes them.
 */
const sqlFunctions: Sh = sh`
sql_query() { mariadb --no-defaults --protocol=socket --batch --skip-column-names --execute="$1"; }
sql_names='schema_name NOT IN ("mysql", "sys", "information_schema", "performance_schema")'
# What is binary is written with two letters for a byte.
sql_size() {
  size=$(sql_query 'SELECT FLOOR(IFNULL(SUM(2 * data_length), 0) / 1024) FROM information_schema.tables' 2>&1) || fail "MariaDB: $size"
}
sql_dump() {
  how=--single-transaction
  others=$(sql_query "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = '$(printf %s "$1" | sed "s/'/''/g")' AND table_type = 'BASE TABLE' AND engine <> 'InnoDB'") || return 1
  [ "$others" -eq 0 ] || how=--lock-tables
  mariadb-dump --no-defaults --protocol=socket --default-character-set=utf8mb4 --max-allowed-packet=1G "$how" --quick --routines --events --triggers --hex-blob --skip-dump-date --databases -- "$1"
}
sql_dumps() {
  mkdir -p "$state/dump.new/mariadb"
  names=$(sql_query "SELECT schema_name FROM information_schema.schemata WHERE $sql_names" 2>&1) || fail "MariaDB: $names"
  printf '%s\n' "$names" > "$state/dump.new/names"
  while IFS= read -r name; do
    [ -n "$name" ] || continue
    case $name in */*) fail "the dump of the database $name of MariaDB: that name is no name of a file" ;; esac
    copy=$state/dump.new/mariadb/$name.sql
    if ! words=$(sql_dump "$name" 2>&1 > "$copy") || [ "$(tail -n 1 "$copy")" != '-- Dump completed' ]; then
      rm -rf -- "$state/dump.new"
      fail "the dump of the database $name of MariaDB: $words"
    fi
  done < "$state/dump.new/names"
  rm -f -- "$state/dump.new/names"
}`

/** What rspamd has learned is put where it is archived, and how much that is beside it, for a drill. */
const learned: Sh = sh`  words=$(redis-cli save 2>&1)
  [ "$words" = OK ] || lacks "what rspamd has learned since redis last wrote it: $words"
  ${howMuchLearned} > "$state/dump.new/learned"`

const login = (repository: string): Sh => {
  const { host, port } = storageOf(repository)
  return sh`-p ${port} ${`${new URL(repository).username}@${host}`}`
}

const keyscan = (repository: string): Sh => {
  const { host, port } = storageOf(repository)
  return sh`ssh-keyscan -T 10 -p ${port} ${host}`
}
