import { sh } from '../../../sh.ts'
import { blind, type Check, each, error, ok, warning } from '../../check.ts'
import { addressesToCheck, declared, type Patient } from '../../patient.ts'
import { type Door, peek, socketName, talk } from '../../smtp.ts'
import { dateOf, daysLeft, lifeLeft, type Shown } from '../../tls.ts'

/** What a mail client and another server see on 25, 465, 587 and 993: a chain that they trust, for the right name, with time left. */
export const certificateCheck: Check = {
  id: 'certificate',
  title: 'every mail port shows a certificate that strangers trust, with a fifth of its life left or more',
  look: async (patient) =>
    each(
      mailDoors(patient),
      ({ address, port }) => socketName(address, port),
      async (door) => {
        const { certificate: seen, distrust, protocol } = await show(door)
        const subject = socketName(door.address, door.port)
        const days = Math.floor(daysLeft(seen))
        if (distrust !== undefined)
          return [
            error(
              subject,
              distrust,
              'on the host: journalctl -u provision-certificates, then systemctl start provision-certificates',
            ),
          ]
        return lifeLeft(seen) < 0.2
          ? [
              warning(
                subject,
                `it ends on ${dateOf(seen)}, in ${days} days, and was not renewed`,
                'on the host: journalctl -u provision-certificates',
              ),
            ]
          : [ok(subject, `${protocol}, until ${dateOf(seen)} (${days} days)`)]
      },
    ),
}

/** What is served is what stands in the file: else a renewal never arrives. */
export const servedCertificateCheck: Check = {
  id: 'served-certificate',
  title: 'the certificate that is served is the one in the file',
  look: async (patient) => {
    const [wanted] = declared<{ readonly file: `/${string}` }>(patient, 'served-certificate')
    if (wanted === undefined)
      return [blind('certificate', 'the inventory declares none that is served', 'provision list --host X')]
    const inFile = (await patient.on(sh`openssl x509 -in ${wanted.file} -noout -fingerprint -sha256`)).trim().split('=')[1]
    return each(
      mailDoors(patient).slice(0, 4),
      ({ port }) => `${port}/tcp`,
      async (door) => {
        const { certificate: seen } = await show(door)
        return seen.fingerprint256 === inFile
          ? [ok(`${door.port}/tcp`, 'the one in the file')]
          : [
              error(
                `${door.port}/tcp`,
                `serves another certificate than ${wanted.file} (until ${dateOf(seen)})`,
                'on the host: journalctl -u maddy | grep tls.loader, then provision --host X --only certificates,maddy',
              ),
            ]
      },
    )
  },
}

/** The daemon reads its key, and nobody else but root does. */
export const certificateKeyCheck: Check = {
  id: 'certificate-key',
  title: 'maddy can read its key, and nobody but root can change it',
  look: async (patient) => {
    const [wanted] = declared<{ readonly file: `/${string}` }>(patient, 'served-certificate')
    if (wanted === undefined) return [blind('key', 'the inventory declares no certificate', 'provision list --host X')]
    const key = wanted.file.replace('fullchain.pem', 'privkey.pem')
    const seen = await patient.on(sh`
if [ ! -e ${key} ]; then echo absent; exit; fi
stat -Lc 'mode %a %U:%G' ${key}
if runuser -u maddy -- test -r ${key}; then echo readable; fi
if runuser -u maddy -- test -w ${key}; then echo writable; fi
if runuser -u nobody -- test -r ${key}; then echo open; fi`)
    const mode = /^mode (.*)$/m.exec(seen)?.[1]
    const mend = 'provision --host X --only certificates'
    if (mode === undefined) return [error(key, 'is not there', mend)]
    return [
      /^readable$/m.test(seen) ? ok(key, mode) : error(key, `maddy may not read it (${mode}): its next start fails`, mend),
      ...(/^open$/m.test(seen) ? [error(key, `everybody may read it (${mode})`, mend)] : []),
      ...(/^writable$/m.test(seen) ? [error(key, `maddy may change it (${mode})`, mend)] : []),
    ]
  },
}

/** What a port shows, behind STARTTLS where it has that. */
export const show = (door: Door): Promise<Shown> =>
  door.implicit
    ? peek(door)
    : talk(door, async ({ say, startTls }) => {
        await say('EHLO doctor.invalid')
        return startTls()
      })

/** The doors of the mail server: first those of IPv4. */
export const mailDoors = ({ server, trusted }: Patient): readonly Door[] =>
  addressesToCheck(server).flatMap(({ address }) =>
    [25, 465, 587, 993].map((port) => ({
      ...{ address, port, name: server.mail.hostname, trusted },
      implicit: port === 465 || port === 993,
    })),
  )
