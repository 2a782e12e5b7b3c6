import type { UfwRule } from '../../../kinds/network/ufw-rules.ts'
import { sh } from '../../../sh.ts'
import { blind, type Check, error, type Finding, ok } from '../../check.ts'
import { addressesToCheck, declared, declaredUnits, type Patient, type Place } from '../../patient.ts'
import { NoConnection, noWay, reach } from '../../smtp.ts'

/** What is declared answers, over both families, and what is often left open by mistake does not. */
export const portsCheck: Check = {
  id: 'ports',
  title: 'what is declared answers over IPv4 and IPv6, and nothing else does',
  limit: 30_000,
  look: async (patient) => {
    const rules = declared<{ readonly rules: readonly UfwRule[] }>(patient, 'ufw-rules').flatMap((one) => one.rules)
    const tcp = rules.filter(({ protocol }) => protocol === 'tcp')
    const open = [...new Set(tcp.filter(({ from, on }) => from === undefined && on === undefined).map(({ port }) => port))]
    const closed = usual.filter((port) => tcp.every((rule) => rule.port !== port))
    const inside = listening(patient)
    const all = await Promise.all(
      addressesToCheck(patient.server).map(async (place) => {
        const [wanted, unwanted] = await Promise.all([answering(place, open, 7000), answering(place, closed, 3000)])
        if (open.every((port) => noWay(wanted.get(port) ?? '')))
          return [blind(place.family, 'this machine has no way there', `look from one that has ${place.family}`)]
        const silent = open.filter((port) => wanted.has(port))
        const stray = closed.filter((port) => !unwanted.has(port))
        return [
          ...(await Promise.all(silent.map((port) => why(patient, place, port, wanted.get(port)!, inside)))),
          ...stray.map((port) =>
            error(
              `${port}/tcp over ${place.family}`,
              'answers, and is not declared',
              `close it: on the host, ss -ltnp 'sport = :${port}' says who listens`,
            ),
          ),
          ...(silent.length + stray.length === 0
            ? [ok(place.family, `${open.join(' ')} answer, and nothing else that was asked`)]
            : []),
        ]
      }),
    )
    return all.flat()
  },
}

/** What people leave open: the old SSH port, plain IMAP and POP3, rpcbind, LLMNR, Caddy's API, databases. */
const usual = [22, 110, 111, 143, 2019, 3306, 5355, 5432]

/** The ports that do not answer, with the reason. */
async function answering({ address }: Place, all: readonly number[], limit: number): Promise<ReadonlyMap<number, string>> {
  const codes = await Promise.all(
    all.map(async (port) => {
      try {
        ;(await reach({ address, port }, limit)).destroy()
        return undefined
      } catch (cause) {
        return [port, cause instanceof NoConnection ? cause.code : String(cause)] as const
      }
    }),
  )
  return new Map(codes.filter((one) => one !== undefined))
}

interface Inside {
  readonly ports: ReadonlySet<number>
  readonly down: readonly string[]
}

async function listening(patient: Patient): Promise<Inside | undefined> {
  try {
    const units = declaredUnits(patient)
    const said = await patient.on(sh`
ss -Hltn | awk '{ print "port", $4 }'
systemctl show -P ActiveState -- ${units} | awk 'NF { print "state", $1 }'`)
    const states = [...said.matchAll(/^state (\S+)$/gm)].map(([, state]) => state)
    return {
      ports: new Set([...said.matchAll(/^port .*:(\d+)$/gm)].map(([, port]) => Number(port))),
      down: units.filter((_, i) => states[i] !== 'active'),
    }
  } catch {
    return undefined
  }
}

/** One port that does not answer: whose fault that is. */
async function why(
  patient: Patient,
  { family }: Place,
  port: number,
  code: string,
  seen: Promise<Inside | undefined>,
): Promise<Finding> {
  const subject = `${port}/tcp over ${family}`
  const said = code === 'ECONNREFUSED' ? 'is refused' : code === 'ETIMEDOUT' ? 'does not answer' : `does not answer (${code})`
  const inside = await seen
  if (inside !== undefined && !inside.ports.has(port))
    return inside.down.length > 0
      ? blind(subject, `${said}: ${inside.down.join(' ')} does not run`, 'see units')
      : error(subject, `${said}: nothing on the host listens there`, 'provision --host X, which says what differs')
  if (port === 25 && code === 'ETIMEDOUT' && !(await outwards(patient)))
    return blind(subject, `${said}, nor does anybody else's port 25: your own provider blocks it`, 'look from another machine')
  return error(
    subject,
    inside === undefined ? said : `${said}, although somebody listens there: a firewall is in between`,
    'ufw status on the host, then the firewall in the provider’s panel',
  )
}

/** Whether this machine reaches port 25 of anybody. */
async function outwards({ dns, server: { doctor } }: Patient): Promise<boolean> {
  const [mx] = await dns.ask(doctor.outside, 'MX').catch(() => [])
  if (mx === undefined) return true
  const [address] = await dns.ask(mx.split(' ')[1]!, 'A').catch(() => [])
  if (address === undefined) return true
  return reach({ address, port: 25 }).then(
    (socket) => {
      socket.destroy()
      return true
    },
    () => false,
  )
}
