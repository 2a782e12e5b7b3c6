import { sh } from '../../../sh.ts'
import { type Check, each, error, ok } from '../../check.ts'
import { CouldNotLook } from '../../could-not-look.ts'
import type { Patient } from '../../patient.ts'

/** Many providers close port 25 outwards; and on the host it is maddy's alone, so that a hacked site cannot send. */
export const outboundMail: Check = {
  id: 'outbound-mail',
  title: 'maddy reaches port 25 of others, and nobody else on the host does',
  look: async (patient) =>
    each(
      await somebodyElse(patient),
      ({ address }) => address,
      async ({ name, address }) => {
        const said = await patient.on(sh`
for user in maddy root nobody; do
  timeout 8 runuser -u "$user" -- bash -c 'exec 3<>"/dev/tcp/$1/25" && IFS= read -r line <&3; printf "%s %s\n" "$2" "$line"' bash ${address} "$user" 2>/dev/null || printf '%s\n' "$user"
done`)
        const [maddy, ...others] = ['maddy', 'root', 'nobody'].map(
          (user) => new RegExp(`^${user} ?(.*)$`, 'm').exec(said)?.[1] ?? '',
        )
        const subject = `${name} at ${address}`
        if (!/^220/.test(maddy!))
          return [
            error(
              subject,
              `maddy does not reach port 25 of it: ${maddy || 'no answer'}`,
              'on the host: ufw status, nft list table inet provision; then ask the provider to open port 25 outwards',
            ),
          ]
        return others.some((answer) => /^220/.test(answer))
          ? [
              error(
                subject,
                'everybody on the host reaches port 25 of others, not maddy alone',
                'provision --host X --only maddy',
              ),
            ]
          : [ok(subject, 'maddy reaches it, root and nobody do not')]
      },
    ),
}

/** Addresses of the mail servers of the domain that the inventory names, of the families that the host has. */
async function somebodyElse({ dns, server }: Patient): Promise<readonly { readonly name: string; readonly address: string }[]> {
  const { outside } = server.doctor
  const name = (await dns.ask(outside, 'MX')).map((mx) => mx.split(' ')[1]!)[0]
  if (name === undefined) throw new CouldNotLook(`${outside} has no mail server`, 'name another domain: doctor.outside')
  const families = server.address6 === undefined ? (['A'] as const) : (['A', 'AAAA'] as const)
  const found = await Promise.all(families.map(async (type) => (await dns.ask(name, type)).slice(0, 1)))
  const all = found.flat().map((address) => ({ name, address }))
  if (all.length === 0) throw new CouldNotLook(`${name} has no address`, 'name another domain: doctor.outside')
  return all
}
