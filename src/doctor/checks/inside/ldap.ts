import { sh } from '../../../sh.ts'
import { type Check, error, ok } from '../../check.ts'

/** The directory answers, and shows people: asked from the host, as maddy asks it. */
export const ldapCheck: Check = {
  id: 'ldap',
  title: 'the LDAP directory answers, and shows who has a mailbox',
  limit: 25_000,
  look: async (patient) => {
    const directory = patient.server.mail.ldap
    if (directory === undefined) return [ok('ldap', 'none is declared')]
    const said = await patient.on(sh`
if why=$(runuser -u maddy -- provision-ldap check 2>&1); then printf 'people %s\n' "$why"; else printf 'failed %s\n' "$(printf %s "$why" | tr '\n' ' ')"; fi`)
    const people = Number(/^people (\d+)$/m.exec(said)?.[1] ?? Number.NaN)
    if (people > 0) return [ok(directory.url, `shows ${people} with an address here`)]
    if (people === 0)
      return [
        error(
          directory.url,
          'shows nobody with an address here',
          `see whether ${directory.bind.dn} may read ${directory.base}, and what mail.ldap.filter leaves out`,
        ),
      ]
    const why = /^failed (.*)$/m.exec(said)?.[1]?.trim()
    return [
      error(
        directory.url,
        `nobody of it can log in: ${why || 'it does not answer'}`,
        'see to the directory; on the host: provision-ldap check',
      ),
    ]
  },
}
