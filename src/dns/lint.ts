import { dkim, dmarc, helpers, mtaSts, mx, spf } from './lint/mail.ts'
import { aliases, finalDots, wildcards } from './lint/names.ts'
import { caa, shape, tlsa, ttls, values } from './lint/values.ts'
import { type LintFacts, lintedZone, type Remark, type Rule } from './lint/zone.ts'
import { parseZoneFile } from './lint/zone-file.ts'

const rules: readonly Rule[] = [
  shape,
  values,
  ttls,
  finalDots,
  aliases,
  wildcards,
  mx,
  spf,
  dmarc,
  dkim,
  mtaSts,
  helpers,
  caa,
  tlsa,
]

/** What is wrong with a zone that one has as text, in the order of its lines. Pure. `origin`: its name, where it does not say it. */
export function lintZone(text: string, facts: LintFacts, origin?: string): readonly Remark[] {
  const zone = lintedZone(parseZoneFile(text, origin), facts)
  return rules.flatMap((rule) => [...rule(zone)]).toSorted((a, b) => a.line - b.line)
}
