import { defineKind } from '../../engine/kind.ts'
import type { Secret } from '../../secret.ts'
import { sh } from '../../sh.ts'
import { keepStamp, stampOf } from '../sh/stamp.ts'

export interface BorgRepository {
  readonly repository: string
  readonly passphrase: Secret
  readonly stampKey: Secret
  /** The script that opens it, or makes it: `SCRIPT init`. */
  readonly script: `/${string}`
  /** The folder with what opens it, as declared and as proved: `passphrase.declared`, `passphrase`. */
  readonly settings: `/${string}`
  /** Holds when the last archive was made, as seconds since 1970. */
  readonly last: `/${string}`
}

interface State {
  readonly stamp: string
  /** What is declared and has not opened it yet: `passphrase`, `id_ed25519`. */
  readonly unproved: readonly string[]
  /** Hours since the last archive, or since the repository was opened. */
  readonly age: number | undefined
}

/**
 * A repository that this host can open. It is elsewhere, so a check does not ask it: that it was opened, with this passphrase, is
 * kept as a stamp. What is wrong with it since is told by the backups themselves.
 */
export const borgRepository = defineKind<BorgRepository, State>({
  name: 'borg-repository',
  key: ({ repository }) => repository,

  probe: (all) => sh`
now=$(date +%s)
${all.map(
  ({ repository, settings, last }) => sh`
made=
for f in passphrase id_ed25519; do
  if ! cmp -s ${settings}/"$f" ${settings}/"$f.declared"; then printf 'unproved %s %s\n' ${repository} "$f"; fi
done
if [ -f "$provision/stamp/borg" ]; then
  printf 'stamp %s %s\n' ${repository} "$(cat "$provision/stamp/borg")"
  # Before the first archive it is as old as the repository.
  if [ -f ${last} ]; then read -r made < ${last}; else made=$(stat -c %Y "$provision/stamp/borg"); fi
fi
if [ -n "$made" ]; then printf 'age %s %s\n' ${repository} $(( (now - made) / 3600 )); fi`,
)}
printf 'end\n'`,

  parse: (output, all) => {
    if (!/^end$/m.test(output)) return new Map()
    const rows = output.split('\n').map((line) => line.split(' '))
    const find = (type: string, repository: string) => rows.find((row) => row[0] === type && row[1] === repository)
    return new Map(
      all.map(({ repository }) => {
        const age = find('age', repository)?.[2]
        const stamp = find('stamp', repository)?.slice(2).join(' ') ?? ''
        const unproved = rows.filter((row) => row[0] === 'unproved' && row[1] === repository).map((row) => row[2]!)
        return [repository, { stamp, unproved, age: age === undefined ? undefined : Number(age) }]
      }),
    )
  },

  diff: ({ repository, passphrase, stampKey }, { stamp, unproved }) => {
    if (stamp === `${stampOf(passphrase, stampKey)} ${repository}`)
      return unproved.map((field) => ({ field, from: 'other', to: 'as declared' }))
    const from = stamp.endsWith(` ${repository}`) ? 'opened by another passphrase' : 'not opened yet'
    return [{ field: 'repository', from, to: 'open' }]
  },

  apply: ({ repository, passphrase, stampKey, script }) => sh`
${script} init
${keepStamp('borg', stampOf(passphrase, stampKey), sh`printf %s ${repository}`)}`,

  // A night without a 02:10 (the last Sunday of March) is one night.
  notes: (_, { age }) => (age === undefined || age < 50 ? [] : [`no backup has been made for ${age} hours`]),
})
