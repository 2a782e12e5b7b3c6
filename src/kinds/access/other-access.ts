import { type Change, type Declared, defineKind } from '../../engine/kind.ts'
import { type Sh, sh } from '../../sh.ts'
import { keepAndRemove, leftovers, oursWithin, thirdParty } from '../sh/third-party.ts'

export interface OtherAccess {
  readonly admin: string
  /** Who else may log in, as the inventory says: their keys are their own. */
  readonly allowed: readonly string[]
  /** All that is declared: files that are not are third-party. */
  readonly declared?: Declared
}

interface State {
  /** Whom the run is logged in as: nothing of theirs is ever removed. */
  readonly me: string
  /** Accounts with the uid of root. */
  readonly roots: readonly string[]
  /** Accounts that a password lets in, or none. */
  readonly passwords: ReadonlyMap<string, 'a password' | 'an empty password'>
  /** Files of keys, whose they are, and the comments of the keys. */
  readonly keys: readonly { readonly user: string; readonly file: string; readonly names: string }[]
  /** Who is in groups that are as good as root. */
  readonly members: readonly { readonly group: string; readonly user: string }[]
  /** Third-party files that give rights or run something. */
  readonly files: readonly string[]
  /** Files of /etc/sudoers.d without which whoever runs this could not go on. */
  readonly needed: readonly string[]
  /** Files of packages that somebody changed. */
  readonly changed: readonly string[]
}

/**
 * Who else may do something on the host: accounts, keys, sudo, scheduled jobs. It is shown for as long as it is there. What gives a way in or root's rights
 * (files of sudoers.d, keys, memberships, the admin's own password) is removed with --prune, after a copy; accounts, jobs and units are a
 * person's to remove. See sudoers(5), crontab(5).
 */
export const otherAccess = defineKind<OtherAccess, State>({
  name: 'other-access',
  key: () => 'host',

  probe: ([one]) => sh`
${thirdParty}
${oursWithin(one?.declared?.paths ?? new Set(), folders)}
printf 'me %s\n' "\${SUDO_USER:-$(id -un)}"
awk -F: '$3 == 0 && $1 != "root" { print "root " $1 }' /etc/passwd
awk -F: '$1 != "root" && $2 !~ /^[!*]/ { print ($2 == "" ? "empty " : "password ") $1 }' /etc/shadow
while IFS=: read -r u _ _ _ _ home _; do
  for f in "$home/.ssh/authorized_keys" "$home/.ssh/authorized_keys2"; do
    if [ -s "$f" ]; then awk -v u="$u" -v f="$f" '/(^|[[:space:]])(ssh-|ecdsa-|sk-)/ && !/^[[:space:]]*#/ { n++; c = $NF; if (c ~ /^AAAA/) c = "no name"; names = names (n > 1 ? ", " : "") c } END { if (n) printf "keys\t%s\t%s\t%s\n", u, f, names }' "$f"; fi
  done
done < /etc/passwd
awk -F: '/^(root|sudo|adm|wheel|disk|shadow|docker|lxd|incus-admin|libvirt):/ { n = split($4, m, ","); for (i = 1; i <= n; i++) print "member " $1 " " m[i] }' /etc/group
set --
for d in ${folders}; do if [ -e "$d" ]; then set -- "$@" "$d"; fi; done
if [ $# -gt 0 ]; then find "$@" -maxdepth 1 -type f ${leftovers} ! -path '/etc/systemd/system/provision-*' | sort | third_party | sed 's/^/file /'; fi
for f in /var/spool/cron/crontabs/*; do if [ -f "$f" ]; then printf 'file %s\n' "$f"; fi; done
for f in /etc/sudoers.d/*; do if [ -f "$f" ] && [ -n "\${SUDO_USER:-}" ] && grep -q "^[[:space:]]*$SUDO_USER[[:space:]]" "$f"; then printf 'needed %s\n' "$f"; fi; done
dpkg-query -W -f '\${Conffiles}\n' -- sudo cron 2>/dev/null | awk '$1 == "/etc/sudoers" || $1 == "/etc/crontab" { print $2 "  " $1 }' | md5sum -c --quiet 2>/dev/null | sed -n 's/^\(.*\): FAILED.*/changed \1/p'
printf 'end\n'`,

  parse: (output) => {
    if (!/^end$/m.test(output)) return new Map()
    const rows = (word: string) => [...output.matchAll(new RegExp(`^${word}[ \\t](.*)$`, 'gm'))].map(([, rest]) => rest!)
    const state: State = {
      me: rows('me')[0] ?? '',
      roots: rows('root'),
      passwords: new Map([
        ...rows('password').map((user) => [user, 'a password'] as const),
        ...rows('empty').map((user) => [user, 'an empty password'] as const),
      ]),
      keys: rows('keys').map((row) => {
        const [user = '', file = '', names = ''] = row.split('\t')
        return { user, file, names }
      }),
      members: rows('member').map((row) => {
        const [group = '', user = ''] = row.split(' ')
        return { group, user }
      }),
      files: rows('file'),
      needed: rows('needed'),
      changed: rows('changed'),
    }
    return new Map([['host', state]])
  },

  diff: (desired, have) => (desired.declared?.prune ? removals(desired, have).map(({ change }) => change) : []),

  apply: (desired, have, changes) => sh`
${removals(desired, have)
  .filter(({ change }) => changes.some(({ field }) => field === change.field))
  .map(({ remove }) => remove)}`,

  notes: (desired, have) => [
    ...have.roots.map((user) => `${user} has the uid of root: “userdel -o ${user}” removes it`),
    ...[...have.passwords]
      .filter(([user]) => user !== desired.admin)
      .map(([user, what]) => `${user} has ${what}: “passwd -l ${user}” locks it`),
    ...(desired.declared?.prune
      ? []
      : removals(desired, have).map(({ change: { field, from } }) => `${field}: ${from}: --prune removes it`)),
    ...have.files.filter((file) => !isSudo(file)).map((file) => `third-party file ${file}`),
    ...have.files
      .filter((file) => isSudo(file) && have.needed.includes(file))
      .map((file) => `third-party file ${file}, which this login needs`),
    ...have.changed.map((file) => `${file} was changed by hand`),
  ],

  among: (desired, declared) => ({ ...desired, declared }),
})

/** Where others put what gives rights or runs by itself. Sysctl settings are among it, since a later file wins over ours. */
const folders = [
  ...['/etc/sudoers.d', '/etc/cron.d', '/etc/cron.hourly', '/etc/cron.daily', '/etc/cron.weekly', '/etc/cron.monthly'],
  ...['/etc/sysctl.d', '/etc/systemd/system', '/etc/rc.local', '/etc/ld.so.preload'],
]

const isSudo = (file: string): boolean => file.startsWith('/etc/sudoers.d/')

/** What --prune removes, and how. Nothing of whoever is logged in. */
function removals({ admin, allowed }: OtherAccess, have: State): readonly { readonly change: Change; readonly remove: Sh }[] {
  const known = [admin, ...allowed]
  return [
    ...have.files
      .filter((file) => isSudo(file) && !have.needed.includes(file))
      .map((file) => ({ change: { field: file, from: 'third-party', to: 'absent' }, remove: keepAndRemove(file) })),
    ...have.keys
      .filter(({ user, file }) => user !== have.me && !(known.includes(user) && file.endsWith('/authorized_keys')))
      .map(({ user, file, names }) => ({
        change: { field: file, from: `keys of ${user} (${names})`, to: 'absent' },
        remove: keepAndRemove(file),
      })),
    ...have.members
      .filter(({ user }) => user !== admin && user !== have.me)
      .map(({ group, user }) => ({
        change: { field: `group ${group}`, from: `with ${user}`, to: `without ${user}` },
        remove: sh`if id -nG -- ${user} | grep -qw ${group}; then gpasswd -d ${user} ${group}; fi`,
      })),
    ...(have.passwords.has(admin)
      ? [
          {
            change: { field: `password of ${admin}`, from: have.passwords.get(admin)!, to: 'locked' },
            remove: sh`usermod -L -- ${admin}`,
          },
        ]
      : []),
  ]
}
