import type { BorgHere } from '../../backup/borg-here.ts'
import { howMuchLearned } from '../../kinds/sh/rspamd.ts'
import { sh } from '../../sh.ts'
import type { Rehearsal } from '../open.ts'
import { type Found, rowsIn } from './found.ts'

const dump = 'var/lib/provision/backup/dump'
/** fail2ban 1.0.2: a ban without an end has a negative time. */
const bansQuery =
  "SELECT jail, ip, timeofban, bantime FROM bans WHERE bantime < 0 OR timeofban + bantime > CAST(strftime('%s') AS INTEGER) + 600 ORDER BY 1, 2, 3"

/** Compares who is still banned, and how much rspamd has learned; of archives that do not say, nothing. */
export async function compareLearned(
  borg: BorgHere,
  archive: string,
  { host, directory }: Pick<Rehearsal, 'host' | 'directory'>,
): Promise<readonly Found[]> {
  const listed = await borg.run(['list', '--format', '{path}{NL}', `::${archive}`, `sh:${dump}/*`])
  const has = (file: string) => listed.split('\n').includes(`${dump}/${file}`)
  const found: Found[] = []
  if (has('fail2ban.sqlite3')) {
    const wanted = await rowsIn(borg, archive, `${dump}/fail2ban.sqlite3`, bansQuery, directory)
    const there = (await host.must(sh`sqlite3 -readonly /var/lib/fail2ban/fail2ban.sqlite3 ${bansQuery}`)).split('\n')
    const lost = wanted.filter((row) => !there.includes(row)).length
    found.push({ what: `${wanted.length} bans`, differs: lost === 0 ? '' : `${lost} are not there` })
  }
  if (has('learned')) {
    const wanted = amounts(await borg.run(['extract', '--stdout', `::${archive}`, `${dump}/learned`]))
    const there = amounts((await host.run(howMuchLearned)).stdout)
    const less = [...wanted].filter(([of, amount]) => (there.get(of) ?? 0) < amount).map(([of]) => of)
    const all = [...wanted.values()].reduce((sum, one) => sum + one, 0)
    found.push({
      what: `${all} mails that rspamd has learned`,
      differs: less.length === 0 ? '' : `${less.join(' and ')} has fewer`,
    })
  }
  return found
}

const amounts = (text: string): ReadonlyMap<string, number> =>
  new Map([...text.matchAll(/^(\S+) (\d+)$/gm)].map(([, of, amount]) => [of!, Number(amount)]))
