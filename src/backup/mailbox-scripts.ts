import { sqliteText } from '../kinds/sh/maddy.ts'
import { type Sh, sh } from '../sh.ts'

/** Where what comes back into a mailbox is fetched to; gone at the end. */
const place = '/var/lib/provision/restore-mailbox'
const dump = 'var/lib/provision/backup/dump/maddy/imapsql.db'

/** Which messages of which mailbox come back, and where to. */
export interface WantedMessages {
  /** What maddy calls the mailbox. */
  readonly mailbox: string
  /** One message: its Message-ID, or `FOLDER:UID` in the archive. All that the mailbox lacks when left out. */
  readonly message?: string | undefined
  /** Each folder below this one; each in its old place when left out. */
  readonly below?: string | undefined
}

/** Gets the databases of an archive, and nothing else of it. */
export const fetchDump = (archive: string): Sh => sh`
set -e
umask 077
rm -rf -- ${place}
mkdir -p ${place}
cd ${place}
needed=$(provision-backup borg --lock-wait 60 list --format '{size}{NL}' ${`::${archive}`} ${dump} | head -n 1)
if [ -z "$needed" ]; then echo 'there are no dumps of the mail databases in that archive' >&2; exit 1; fi
free=$(df -Pk . | awk 'NR == 2 { print $4 }')
if [ "$free" -lt $((needed / 512 + 102400)) ]; then
  echo "the databases of the archive need $((needed / 512)) kB, and $free are free below /var/lib/provision" >&2
  exit 1
fi
provision-backup borg --lock-wait 60 extract ${`::${archive}`} ${dump} 2>&1
mv -- ${dump} old.db`

/** Prints the messages that the mailbox had, as JSON lines, the newest first: those that it has no more are `gone`. */
export const listMessages = (mailbox: string): Sh => sh`
set -e
cd ${place}
${query(mailbox, "SELECT json_object('gone', gone, 'folder', folder, 'uid', uid, 'date', date, 'id', id, 'from', sender, 'subject', subject) FROM had ORDER BY date DESC LIMIT 100000")}`

/** Prints whether the mailbox was there then, is there now, and how many messages come back. */
export const countMessages = (wanted: WantedMessages): Sh => sh`
set -e
cd ${place}
${query(wanted.mailbox, `SELECT ${hasUser('main', wanted.mailbox)}, ${hasUser('now', wanted.mailbox)}, (SELECT count(*) FROM had WHERE gone AND ${chosen(wanted)}), (SELECT count(*) FROM had WHERE ${chosen(wanted)})`)}`

/**
 * Puts them back with maddy's own program, as they were received, with their date and flags; what is there is not touched. A message
 * that the mailbox still has, byte by byte in whatever folder, is left out: so it may be killed anywhere and run again.
 */
export const bringBack = (archive: string, wanted: WantedMessages): Sh => sh`
set -e
umask 077
cd ${place}
tab=$(printf '\t')
mailbox=${wanted.mailbox}
${query(wanted.mailbox, `SELECT key, strftime('%Y-%m-%dT%H:%M:%SZ', date, 'unixepoch'), coalesce(flags, '-'), size, ${folder(wanted)} FROM had WHERE key NOT IN (SELECT key FROM has) AND ${chosen(wanted)} ORDER BY date, uid`)} > wanted
needed=$(awk -F "$tab" '{ all += $4 } END { printf "%d", all / 512 + 102400 }' wanted)
free=$(df -Pk /var/lib/maddy . | awk 'NR > 1 && (least == "" || $4 < least) { least = $4 } END { print least }')
if [ "$free" -lt "$needed" ]; then
  echo "these messages need $needed kB twice over, and $free are free" >&2
  exit 1
fi
{ cut -f 1 wanted | sort -u | sed 's,^,+ pf:var/lib/maddy/messages/,'; printf '%s\n' '- re:.*'; } > patterns
provision-backup borg --lock-wait 60 extract --patterns-from patterns ${`::${archive}`} 2>&1 || [ $? -eq 1 ]

# Of the same second, length and Message-ID: the same, unless it is another.
${query(wanted.mailbox, `SELECT had.key, has.key FROM had JOIN has ON has.date = had.date AND has.size = had.size AND has.id IS had.id WHERE had.key <> has.key AND ${chosen(wanted)}`)} > twins
: > there
while IFS=$tab read -r key twin; do
  if cmp -s "var/lib/maddy/messages/$key" "/var/lib/maddy/messages/$twin"; then printf '%s\n' "$key" >> there; fi
done < twins
awk -F "$tab" 'BEGIN { while ((getline key < "there") > 0) there[key] = 1 } !($1 in there)' wanted > lacking

as_maddy() { ( umask 0007; exec setpriv --reuid maddy --regid maddy --init-groups maddy "$@" ) 2> why; }
cut -f 5- lacking | sort -u | while IFS= read -r folder; do as_maddy imap-mboxes create "$mailbox" "$folder" < /dev/null; done
set -f
all=$(wc -l < lacking); tried=0; back=0; lost=0; told=0
while IFS=$tab read -r key date flags size folder; do
  tried=$((tried + 1))
  if [ ! -s "var/lib/maddy/messages/$key" ]; then lost=$((lost + 1)); continue; fi
  set --
  for flag in $flags; do [ "$flag" = - ] || set -- "$@" --flag "$flag"; done
  uid=$(as_maddy imap-msgs add "$@" --date "$date" "$mailbox" "$folder" < "var/lib/maddy/messages/$key") || :
  # It exits 0 when it fails (seen in 0.9.5), and prints the UID when it does not.
  if [ -z "$uid" ]; then cat why >&2; printf '%s messages are back, and this one could not be put into %s\n' "$back" "$folder" >&2; exit 1; fi
  back=$((back + 1))
  if [ $((tried * 10 / all)) -gt "$told" ]; then told=$((tried * 10 / all)); printf '%s0.0%% %s of %s messages\n' "$told" "$tried" "$all"; fi
done < lacking
printf 'back %s there %s lost %s\n' "$back" "$(sort -u there | wc -l)" "$lost"
cd /
rm -rf -- ${place}`

/** Takes away what was fetched. */
export const forget: Sh = sh`rm -rf -- ${place}`

/** Asks what a mailbox `had` then and `has` now, of both databases; maddy goes on meanwhile. Fields are parted by tabs. */
const query = (mailbox: string, sql: string): Sh =>
  sh`sqlite3 -readonly -cmd '.timeout 60000' -separator "$(printf '\t')" old.db ${`${about(mailbox)}${sql}`}`

const about = (mailbox: string): string => `
ATTACH 'file:/var/lib/maddy/imapsql.db?mode=ro' AS now;
CREATE TEMP TABLE has AS SELECT m.extBodyKey AS key, m.date, m.bodyLen AS size, ${header('Message-Id')} AS id ${messagesOf('now', mailbox)};
CREATE INDEX has_key ON has (key);
CREATE INDEX has_date ON has (date, size);
CREATE TEMP TABLE had AS SELECT m.extBodyKey AS key, m.date, m.bodyLen AS size, b.name AS folder, m.msgId AS uid,
  (SELECT group_concat(flag, ' ') FROM main.flags f WHERE f.mboxId = m.mboxId AND f.msgId = m.msgId AND flag <> '\\Recent') AS flags,
  ${header('Message-Id')} AS id, ${header('From')} AS sender, ${header('Subject')} AS subject,
  m.extBodyKey NOT IN (SELECT key FROM has) AND NOT EXISTS (SELECT 1 FROM has WHERE has.date = m.date AND has.size = m.bodyLen AND has.id IS ${header('Message-Id')}) AS gone
  ${messagesOf('main', mailbox)} AND m.extBodyKey IS NOT NULL AND coalesce(m.compressAlgo, '') = '';
`

const messagesOf = (database: 'main' | 'now', mailbox: string): string =>
  `FROM ${database}.msgs m JOIN ${database}.mboxes b ON b.id = m.mboxId JOIN ${database}.users u ON u.id = b.uid WHERE u.username = ${sqliteText(mailbox)}`

/** maddy keeps these fields beside the message. */
const header = (name: string): string =>
  `CASE WHEN json_valid(CAST(m.cachedHeader AS TEXT)) THEN json_extract(CAST(m.cachedHeader AS TEXT), '$."${name}"[0]') END`

const hasUser = (database: 'main' | 'now', mailbox: string): string =>
  `(SELECT count(*) FROM ${database}.users WHERE username = ${sqliteText(mailbox)})`

const chosen = ({ message }: WantedMessages): string =>
  message === undefined
    ? '1'
    : `(had.id = ${sqliteText(message)} OR had.id = ${sqliteText(`<${message}>`)} OR had.folder || ':' || had.uid = ${sqliteText(message)})`

const folder = ({ below }: WantedMessages): string => (below === undefined ? 'folder' : `${sqliteText(`${below}.`)} || folder`)
