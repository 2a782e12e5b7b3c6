import type { Check } from './check.ts'
import { authBeforeTls } from './checks/auth-before-tls.ts'
import { backup } from './checks/backup.ts'
import { blocklists } from './checks/blocklists.ts'
import { certificate, certificateKey, servedCertificate } from './checks/certificate.ts'
import { clientSettings } from './checks/client-settings.ts'
import { clock } from './checks/clock.ts'
import { disk } from './checks/disk.ts'
import { dns } from './checks/dns.ts'
import { greeting } from './checks/greeting.ts'
import { ipv6 } from './checks/ipv6.ts'
import { jails } from './checks/jails.ts'
import { ldap } from './checks/ldap.ts'
import { mtaSts } from './checks/mta-sts.ts'
import { openRelay } from './checks/open-relay.ts'
import { outboundMail } from './checks/outbound-mail.ts'
import { overlay } from './checks/overlay.ts'
import { ports } from './checks/ports.ts'
import { queue } from './checks/queue.ts'
import { reboot } from './checks/reboot.ts'
import { release } from './checks/release.ts'
import { reverseNames } from './checks/reverse-names.ts'
import { signedMail } from './checks/signed-mail.ts'
import { sites } from './checks/sites.ts'
import { tlsa } from './checks/tlsa.ts'
import { units } from './checks/units.ts'
import { updates } from './checks/updates.ts'

/** All checks, those that take longest first. */
export const checks: readonly Check[] = [
  signedMail,
  jails,
  ports,
  outboundMail,
  openRelay,
  authBeforeTls,
  greeting,
  reverseNames,
  certificate,
  servedCertificate,
  certificateKey,
  dns,
  tlsa,
  mtaSts,
  blocklists,
  sites,
  clientSettings,
  units,
  ipv6,
  clock,
  disk,
  queue,
  backup,
  overlay,
  ldap,
  updates,
  reboot,
  release,
]
