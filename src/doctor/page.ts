import type { Verdict } from './check.ts'
import type { Result } from './examine.ts'

/** What a page tells. */
export interface Told {
  readonly host: string
  readonly at: Date
  readonly results: readonly Result[]
}

/** All of it as one file of HTML: nothing is fetched, nothing runs, and it can be read on a phone and in the dark. */
export function page({ host, at, results }: Told): string {
  const sorted = order.flatMap((verdict) => results.filter((result) => result.verdict === verdict))
  const counts = order.map((verdict) => ({ verdict, n: results.filter((one) => one.verdict === verdict).length }))
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escaped(host)}: ${counts
    .filter(({ n }) => n > 0)
    .map(({ verdict, n }) => `${n} ${verdict}`)
    .join(', ')}</title>
<style>${style}</style>
</head>
<body>
<h1>${escaped(host)}</h1>
<p><time datetime="${at.toISOString()}">${at.toISOString().slice(0, 16).replace('T', ' ')} UTC</time></p>
<p>${counts.map(({ verdict, n }) => `<span class="${classOf(verdict)}">${n} ${verdict}</span>`).join(' ')}</p>
${sorted.map(section).join('\n')}
</body>
</html>
`
}

const order: readonly Verdict[] = ['error', 'could not look', 'warning', 'ok']
const classOf = (verdict: Verdict): string => verdict.replaceAll(' ', '-')

const section = ({ id, title, verdict, findings }: Result): string => `<details${verdict === 'ok' ? '' : ' open'}>
<summary><span class="${classOf(verdict)}">${verdict}</span> <b>${escaped(id)}</b> ${escaped(title)}</summary>
<ul>
${findings
  .map(
    ({ subject, verdict: one, message, next }) =>
      `<li class="${classOf(one)}"><b>${escaped(subject)}</b> ${escaped(message)}${next === undefined ? '' : `<br>→ <code>${escaped(next)}</code>`}</li>`,
  )
  .join('\n')}
</ul>
</details>`

const style = `
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere }
h1 { font-size: 1.3rem; margin: 0 }
p { margin: .4rem 0 }
details { border-top: 1px solid #8886; padding: .5rem 0 }
summary { cursor: pointer }
ul { margin: .4rem 0; padding-left: 1.2rem }
code { font-size: .9em }
span { border-radius: .3rem; padding: .1rem .4rem; color: #fff; white-space: nowrap }
span.ok { background: #2a7a3b } span.warning { background: #9a6700 }
span.error { background: #b3261e } span.could-not-look { background: #5b5f66 }
`

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
