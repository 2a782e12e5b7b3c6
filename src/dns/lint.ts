import { dkimRule, dmarc, helpers, mtaStsRule, mx, spf } from './lint/mail.ts'
import { aliases, finalDots, wildcards } from './lint/names.ts'
import { caa, shape, tlsaRule, ttls, values } from './lint/values.ts'
import { type LintFacts, type LintRemark, type LintRule, lintedZone } from './lint/zone.ts'
import { parseZoneFile } from './lint/zone-file.ts'

const rules: readonly LintRule[] = [
  shape,
  values,
  ttls,
  finalDots,
  aliases,
  wildcards,
  mx,
  spf,
  dmarc,
  dkimRule,
  mtaStsRule,
  helpers,
  caa,
  tlsaRule,
]

/** What is wrong with a zone that one has as text, in the order of its lines. Pure. `origin`: its name, where it does not say it. */
export function lintZone(text: string, facts: LintFacts, origin?: string): readonly LintRemark[] {
  const zone = lintedZone(parseZoneFile(text, origin), facts)
  return rules.flatMap((rule) => [...rule(zone)]).toSorted((a, b) => a.line - b.line)
}
