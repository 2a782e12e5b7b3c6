import { defineKind } from '../../engine/kind.ts'
import { sh } from '../../sh.ts'
import { wanted } from '../wanted.ts'

export interface Locales {
  /** Exactly these are generated: `en_US.UTF-8`. The package locales has to be there. */
  readonly generated: readonly string[]
  readonly default: string
}

interface State {
  readonly generated: readonly string[]
  readonly default: string
}

/** The locales that exist, and the one that a login gets. See locale-gen(8). */
export const locales = defineKind<Locales, State>({
  name: 'locales',
  wants: { generated: wanted.listOf(wanted.name), default: wanted.name },
  key: () => 'system',
  probe: () => sh`
locale -a | sed 's/^/have /'
printf 'default %s\n' "$(sed -n 's/^LANG="\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' /etc/default/locale 2>/dev/null)"`,
  parse: (output) => {
    const all = [...output.matchAll(/^have (.*)$/gm)].map(([, name]) => name!)
    const one = /^default (.*)$/m.exec(output)?.[1]
    // Every system has C: a list without it is none.
    if (all.length === 0 || one === undefined) return new Map()
    return new Map([['system', { generated: all.filter((name) => !builtin.test(name)), default: one }]])
  },
  diff: (wanted, have) => {
    const [to, from] = [wanted.generated.map(alike).toSorted().join(' '), have.generated.map(alike).toSorted().join(' ')]
    return [
      ...(from === to ? [] : [{ field: 'generated', from: from || 'none', to }]),
      ...(have.default === wanted.default ? [] : [{ field: 'default', from: have.default || 'none', to: wanted.default }]),
    ]
  },
  apply: (wanted, _, changes) => sh`
printf '%s UTF-8\n' ${wanted.generated} > /etc/.locale.gen.provision
mv -T -- /etc/.locale.gen.provision /etc/locale.gen
${changes.some(({ field }) => field === 'generated') ? sh`locale-gen` : sh``}
printf 'LANG=%s\n' ${wanted.default} > /etc/default/.locale.provision
mv -T -- /etc/default/.locale.provision /etc/default/locale`,
})

/** `en_US.UTF-8` and `en_US.utf8` are the same locale: locale -a says the second. */
const alike = (name: string): string => name.toLowerCase().replace('utf-8', 'utf8')
const builtin = /^(C|POSIX|C\.utf8|C\.UTF-8)$/
