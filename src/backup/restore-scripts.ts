import { type Sh, sh } from '../sh.ts'

/** Where a restore keeps what it has fetched, and how far it is; gone at its end. */
export const restorePlace = '/var/lib/provision/restore'
/** Where what stays of an archive beside the server itself is kept: its /etc, to look things up in. */
export const restoredEtc = '/var/lib/provision/kept/restored/etc'
const restoredSql = '/var/lib/provision/kept/restored/mariadb'

/** What a host says before anything is restored on it. */
export interface Ground {
  /** Mail is there already. */
  readonly mail: boolean
  /** An earlier restore of a whole server has begun here, and died. */
  readonly begun: boolean
  /** The archive that an earlier restore has put in place, and then died. */
  readonly placed: string | undefined
}

/** Reads what `parseGround` understands. */
export const ground: Sh = sh`
set -- /var/lib/maddy/*.db
if [ -e "$1" ]; then printf 'mail yes\n'; fi
if [ -f ${restorePlace}/begun ]; then printf 'begun yes\n'; fi
if [ -f ${restorePlace}/placed ]; then printf 'placed %s\n' "$(cat ${restorePlace}/placed)"; fi`

/** What `ground` printed. */
export const parseGround = (text: string): Ground => ({
  mail: /^mail yes$/m.test(text),
  begun: /^begun yes$/m.test(text),
  placed: /^placed (.*)$/m.exec(text)?.[1],
})

/** Prints the archives of the repository, the oldest first. */
export const listArchives: Sh = sh`provision-backup borg --lock-wait 60 list --short`

/** From now on this host is on its way to become another: what is found on it half done is ours. */
export const begin: Sh = sh`
umask 077
mkdir -p ${restorePlace}
: > ${restorePlace}/begun`

/** Makes the place that an archive is taken apart in. */
export const makeRoom: Sh = sh`
umask 077
rm -rf -- ${restorePlace}/tree
mkdir -p ${restorePlace}/tree`

/** Gets an archive, or these paths of it, out of the repository, beside the place where it belongs. */
export const fetch = (archive: string, paths: readonly string[]): Sh => sh`
set -e
${makeRoom}
cd ${restorePlace}/tree
needed=$(provision-backup borg --lock-wait 60 info --json ${`::${archive}`} | sed -n 's/^ *"original_size": \([0-9]*\),*$/\1/p' | head -n 1)
free=$(df -Pk . | awk 'NR == 2 { print $4 }')
if [ "$free" -lt $((needed / 1024 + 102400)) ]; then
  echo "the archive needs $((needed / 1024)) kB, and $free are free below /var/lib/provision" >&2
  exit 1
fi
{ provision-backup borg --lock-wait 60 extract --progress ${`::${archive}`} ${paths} 2>&1; echo "code $?"; } | tr '\r' '\n' | {
  code=2
  while IFS= read -r line; do
    case $line in 'code '*) code=\${line#code } ;; *) printf '%s\n' "$line" ;; esac
  done
  # 1 is a warning: a path that this archive does not have.
  [ "$code" -le 1 ]
}`

/** An archive without the databases is of another kind of server, or was made by hand. */
const checkTree: Sh = sh`
if ! [ -s ${restorePlace}/tree/var/lib/provision/backup/dump/maddy/imapsql.db ]; then
  echo 'there are no dumps of the mail databases in that archive' >&2
  exit 1
fi`

/** The databases as they were at one moment, where maddy reads them. */
const databases = (maddy: string): Sh => sh`
for dump in ${restorePlace}/tree/var/lib/provision/backup/dump/maddy/*.db; do
  rm -f -- ${maddy}/"\${dump##*/}"-*
  install -m 0660 -o maddy -g maddy "$dump" ${maddy}/"\${dump##*/}"
done`

/**
 * The databases of MariaDB, each of which makes itself; where there is no MariaDB they are kept to be read in by hand. Before the
 * folders, for those are moved, and a death in between begins anew.
 */
const sqlDatabases = (kept: string): Sh => sh`
for dump in ${restorePlace}/tree/var/lib/provision/backup/dump/mariadb/*.sql; do
  [ -f "$dump" ] || continue
  if command -v mariadbd >/dev/null; then
    mariadb --no-defaults --protocol=socket --default-character-set=utf8mb4 --max-allowed-packet=1G < "$dump"
    printf 'the database %s of MariaDB is back\n' "$(basename "$dump" .sql)"
  else
    ( umask 077; mkdir -p ${kept} )
    cp -- "$dump" ${kept}/
    printf 'no MariaDB is declared: the database %s is kept below %s\n' "$(basename "$dump" .sql)" ${kept}
  fi
done`

/** sh: `bring FOLDER` moves it from the archive to its place; into what is there, where something is. */
const bring: Sh = sh`
bring() {
  if [ ! -d ".$1" ] || [ -L ".$1" ]; then return 0; fi
  mkdir -p -- "\${1%/*}/"
  # An empty one is made anew; one on a disk of its own stays.
  if [ -d "$1" ] && [ ! -L "$1" ]; then rmdir -- "$1" 2>/dev/null || :; fi
  if [ -e "$1" ] || [ -L "$1" ]; then cp -a -- ".$1/." "$1/"; else mv -T -- ".$1" "$1"; fi
}`

/** The declared folders, of then and of now, where they really are; and the links that led there. */
const declared = (folders: readonly string[]): Sh => sh`
${bring}
umask 022
{
  cat var/lib/provision/backup/dump/folders 2>/dev/null || :
  for folder in ${folders}; do printf '%s %s\n' "$folder" "$folder"; done
} > ${restorePlace}/folders
while read -r folder real; do
  bring "$real"
  if [ ! -e "$folder" ] && [ ! -L "$folder" ] && [ -d "$real" ]; then
    mkdir -p -- "\${folder%/*}/"
    ln -s -- "$real" "$folder"
  fi
done < ${restorePlace}/folders`

/** Who is banned, and what rspamd has learned: their daemons start with it, or anew. */
const learnedAndBanned: Sh = sh`
if [ -s var/lib/provision/backup/dump/fail2ban.sqlite3 ]; then
  # The run starts it, with what keeps it from banning whoever runs it.
  if systemctl -q is-active fail2ban.service; then systemctl stop fail2ban.service; fi
  mkdir -p /var/lib/fail2ban
  install -m 0600 var/lib/provision/backup/dump/fail2ban.sqlite3 /var/lib/fail2ban/fail2ban.sqlite3
fi
if [ -s var/lib/redis/dump.rdb ] && getent passwd redis >/dev/null; then
  # It writes what it has when it is stopped.
  systemctl stop redis-server.service
  install -m 0660 -o redis -g redis var/lib/redis/dump.rdb /var/lib/redis/dump.rdb
  systemctl start redis-server.service
fi`

/**
 * Puts what was fetched in its place on a host that has served nobody yet: state as it was, homes and folders over what is there, and
 * these, which are declared. It may be killed anywhere: until it has ended, everything is fetched anew.
 */
export const placeServer = (archive: string, folders: readonly string[]): Sh => sh`
set -e
${checkTree}
cd ${restorePlace}/tree
${sqlDatabases(restoredSql)}
${databases(`${restorePlace}/tree/var/lib/maddy`)}
for path in /var/lib/maddy /var/lib/acme /var/lib/certificates /var/lib/caddy /var/caddy; do
  [ -d ".$path" ] || continue
  rm -rf -- "$path"
  mkdir -p "$(dirname "$path")"
  mv -T -- ".$path" "$path"
done
${learnedAndBanned}
${declared(folders)}
# Who may log in is what the inventory says.
rm -f -- home/*/.ssh/authorized_keys root/.ssh/authorized_keys
for path in home root srv opt var/spool/cron var/www var/local var/opt; do
  if [ -d "$path" ]; then mkdir -p "/$path"; cp -a -- "$path/." "/$path/"; fi
done
if [ -d usr/local ]; then cp -an -- usr/local/. /usr/local/; fi
( umask 077; mkdir -p ${restoredEtc} )
rm -rf -- ${restoredEtc}
mv -T -- etc ${restoredEtc}
cp -- var/lib/provision/backup/dump/addresses ${restorePlace}/addresses 2>/dev/null || : > ${restorePlace}/addresses
sync -f /var/lib
printf '%s\n' ${archive} > ${restorePlace}/placed.new
mv -T -- ${restorePlace}/placed.new ${restorePlace}/placed
rm -rf -- ${restorePlace}/tree`

/** Puts the mail of an archive in place of what a host has, which is kept; if maddy does not start with it, that comes back. */
export const placeMail = (kept: string): Sh => sh`
set -e
${checkTree}
${databases(`${restorePlace}/tree/var/lib/maddy`)}
( umask 077; mkdir -p ${kept} )
systemctl stop maddy.service
mv -T -- /var/lib/maddy ${`${kept}/maddy`}
mv -T -- ${restorePlace}/tree/var/lib/maddy /var/lib/maddy
if ! systemctl start maddy.service; then
  journalctl -q -u maddy.service -n 6 --no-pager -o cat >&2
  rm -rf -- /var/lib/maddy
  mv -T -- ${`${kept}/maddy`} /var/lib/maddy
  systemctl start maddy.service
  echo 'maddy did not start with that mail: what was there is back' >&2
  exit 1
fi
rm -rf -- ${restorePlace}`

/** The host is again who it was: its ssh host keys. Prints their public halves, and the addresses that it had. */
export const becomeItself: Sh = sh`
set -e
cd ${restoredEtc}/ssh
for key in ssh_host_*_key; do
  [ -f "$key" ] || continue
  install -m 0600 "$key" "/etc/ssh/.$key.provision"
  install -m 0644 "$key.pub" "/etc/ssh/$key.pub"
  mv -T -- "/etc/ssh/.$key.provision" "/etc/ssh/$key"
done
sshd -t
systemctl restart ssh.service
cat /etc/ssh/ssh_host_*_key.pub
if [ -f ${restorePlace}/addresses ]; then sed 's/^/address /' ${restorePlace}/addresses; fi
rm -rf -- ${restorePlace}`
