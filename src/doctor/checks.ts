import type { Check } from './check.ts'
import { backup } from './checks/inside/backup.ts'
import { clock } from './checks/inside/clock.ts'
import { disk } from './checks/inside/disk.ts'
import { ipv6Check } from './checks/inside/ipv6.ts'
import { jails } from './checks/inside/jails.ts'
import { ldapCheck } from './checks/inside/ldap.ts'
import { outboundMail } from './checks/inside/outbound-mail.ts'
import { overlay } from './checks/inside/overlay.ts'
import { queue } from './checks/inside/queue.ts'
import { rebootCheck } from './checks/inside/reboot.ts'
import { release } from './checks/inside/release.ts'
import { units } from './checks/inside/units.ts'
import { updates } from './checks/inside/updates.ts'
import { authBeforeTls } from './checks/outside/auth-before-tls.ts'
import { blocklists } from './checks/outside/blocklists.ts'
import { certificateCheck, certificateKeyCheck, servedCertificateCheck } from './checks/outside/certificate.ts'
import { clientSettings } from './checks/outside/client-settings.ts'
import { dns } from './checks/outside/dns.ts'
import { greeting } from './checks/outside/greeting.ts'
import { mtaStsCheck } from './checks/outside/mta-sts.ts'
import { openRelay } from './checks/outside/open-relay.ts'
import { portsCheck } from './checks/outside/ports.ts'
import { reverseNames } from './checks/outside/reverse-names.ts'
import { signedMail } from './checks/outside/signed-mail.ts'
import { sites } from './checks/outside/sites.ts'
import { tlsaCheck } from './checks/outside/tlsa.ts'

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
