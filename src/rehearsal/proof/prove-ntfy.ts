import type { Server } from '../../inventory/inventory.ts'
import { sh } from '../../sh.ts'
import { certificatesFolder } from '../internet/services/ca.ts'
import { until } from '../local.ts'
import type { Rehearsal } from '../open.ts'
import { newSubject } from './mail.ts'
import type { Proof } from './proof.ts'

/** One message as ntfy's readers get it. */
export interface Message {
  readonly title: string
  readonly message: string
  /** 1 to 5; ntfy leaves out 3. */
  readonly priority?: number
}

/** What the host tells its operator reaches ntfy. */
export function ntfyProofs(rehearsal: Rehearsal, { ntfy }: Server): readonly Proof[] {
  if (ntfy?.token === undefined) return []
  return [
    {
      title: 'what the host tells its operator reaches ntfy',
      try: async () => {
        const subject = newSubject('told')
        await rehearsal.host.must(sh`provision-notify -p low ${subject} 'by the rehearsal'`)
        return (await heard(rehearsal, ntfy.topic, ({ title }) => title.endsWith(subject))).title
      },
    },
  ]
}

/** Waits for a message of this topic. */
export const heard = (rehearsal: Rehearsal, topic: string, is: (message: Message) => boolean, limit = 20_000): Promise<Message> =>
  until({ where: 'ntfy', what: 'the message', limit }, async () => (await messages(rehearsal, topic)).findLast(is))

/** All that was said under this topic, the oldest first. */
export async function messages({ internet, ntfy }: Rehearsal, topic: string): Promise<readonly Message[]> {
  const config = `url = "${ntfy.url}/${topic}/json?poll=1&since=all"\nheader = "Authorization: Bearer ${ntfy.token}"\n`
  const said = await internet.must(sh`printf %s ${config} | curl -fsS --cacert ${certificatesFolder}/ca.pem --config -`)
  return said
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Message)
}
