import type { Check } from './check.ts'
import { authBeforeTls } from './checks/auth-before-tls.ts'
import { backup } from './checks/backup.ts'
import { blocklists } from './checks/blocklists.ts'
import { certificateCheck, certificateKeyCheck, servedCertificateCheck } from './checks/certificate.ts'
import { clientSettings } from './checks/client-settings.ts'
import { clock } from './checks/clock.ts'
import { disk } from './checks/disk.ts'
import { dns } from './checks/dns.ts'
import { greeting } from './checks/greeting.ts'
import { ipv6Check } from './checks/ipv6.ts'
import { jails } from './checks/jails.ts'
import { ldapCheck } from './checks/ldap.ts'
import { mtaStsCheck } from './checks/mta-sts.ts'
import { openRelay } from './checks/open-relay.ts'
import { outboundMail } from './checks/outbound-mail.ts'
import { overlay } from './checks/overlay.ts'
import { portsCheck } from './checks/ports.ts'
import { queue } from './checks/queue.ts'
import { rebootCheck } from './checks/reboot.ts'
import { release } from './checks/release.ts'
import { reverseNames } from './checks/reverse-names.ts'
import { signedMail } from './checks/signed-mail.ts'
import { sites } from './checks/sites.ts'
import { tlsaCheck } from './checks/tlsa.ts'
import { units } from './checks/units.ts'
import { updates } from './checks/updates.ts'

/** All checks, those that take longest first. */
export const checks: readonly Check[] = [
  signedMail,
  jails,
  portsCheck,
  outboundMail,
  openRelay,
  authBeforeTls,
  greeting,
  reverseNames,
  certificateCheck,
  servedCertificateCheck,
  certificateKeyCheck,
  dns,
  tlsaCheck,
  mtaStsCheck,
  blocklists,
  sites,
  clientSettings,
  units,
  ipv6Check,
  clock,
  disk,
  queue,
  backup,
  overlay,
  ldapCheck,
  updates,
  rebootCheck,
  release,
]
