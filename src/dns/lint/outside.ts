import { type NameServer, NoAnswer } from '../client.ts'
import { dataOf } from '../data.ts'
import { resolveName } from '../servers.ts'
import { signingAlone } from '../zone-health.ts'
import { type LintRemark, remark, textOf } from './zone.ts'
import { parseZoneFile } from './zone-file.ts'

/** What the zone's own text cannot say: whether those who get its reports agreed, and its DS. */
export async function lintOutside(
  text: string,
  resolvers: readonly NameServer[],
  origin?: string,
): Promise<{ readonly remarks: readonly LintRemark[]; readonly unknown: readonly string[] }> {
  const { zone, records } = parseZoneFile(text, origin)
  const unknown: string[] = []
  const remarks: LintRemark[] = []
  const looked = async (what: string, look: () => Promise<void>) => {
    try {
      await look()
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error
      unknown.push(`${what}: ${error.message}`)
    }
  }
  const reports = records.filter(({ name, type }) => name === `_dmarc.${zone}` && type === 'TXT')
  const takers = reports.flatMap((record) =>
    [...textOf(record).matchAll(/mailto:[^@\s,;!]+@([a-z0-9.-]+)/gi)].map(([, taker = '']) => ({
      record,
      taker: taker.toLowerCase(),
    })),
  )
  const foreign = takers.filter(({ taker }) => taker !== zone && !taker.endsWith(`.${zone}`) && !zone.endsWith(`.${taker}`))
  await Promise.all([
    ...foreign.map(({ record, taker }) =>
      looked(`whether ${taker} takes the reports`, async () => {
        const name = `${zone}._report._dmarc.${taker}`
        const { answers } = await resolveName(resolvers, { name, type: 'TXT' })
        if (!answers.some((answer) => answer.type === 'TXT' && /^v=DMARC1/i.test(dataOf(answer) ?? '')))
          remarks.push(
            remark(
              record,
              'error',
              `${taker} does not say that it takes these reports: nobody sends them there`,
              `${name}. TXT "v=DMARC1" in the zone of ${taker}`,
            ),
          )
      }),
    ),
    looked(`the DS of ${zone}`, async () => {
      const { trouble, signing } = await signingAlone(zone, resolvers)
      const tlsa = records.find(({ type }) => type === 'TLSA')
      for (const { verdict, message, next } of trouble)
        remarks.push({ line: 1, name: zone, level: verdict, message: `${message}: ${next}` })
      if (signing === 'unsigned' && tlsa !== undefined)
        remarks.push(remark(tlsa, 'warning', `${zone} is not signed (no DS): TLSA counts for nothing`))
    }),
  ])
  return { remarks, unknown }
}
