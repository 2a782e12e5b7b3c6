import { ProvisionError } from '../errors.ts'
import { type Sh, sh } from '../sh.ts'
import type { Section } from './probe.ts'

/** What every look at a host reads before anything else. */
export interface Host {
  readonly architecture: 'amd64' | 'arm64'
  /** Changes with every boot: /proc/sys/kernel/random/boot_id. */
  readonly boot: string
  /** A guarded step of a run that died has not been confirmed nor undone yet. */
  readonly undoArmed: boolean
  /** A program whose upgrade was cut off, and has not been gone back from yet. */
  readonly upgrade: string | undefined
  /** Who holds the run lock, and since when; nothing when nobody does. */
  readonly busy: string | undefined
}

/** Reads what `parseHost` understands. Its own section of the one script of a check. */
export const hostProbe: Sh = sh`
[ ! -r /etc/os-release ] || ( . /etc/os-release; printf 'os %s %s\n' "$ID" "$VERSION_ID"; printf 'name %s\n' "$PRETTY_NAME" )
if command -v dpkg >/dev/null; then printf 'architecture %s\n' "$(dpkg --print-architecture)"; fi
if command -v apt-get >/dev/null; then printf 'apt yes\n'; fi
if [ -d /run/systemd/system ]; then printf 'systemd yes\n'; fi
printf 'uid %s\n' "$(id -u)"
printf 'disk %s\n' "$(df -Pk /var | awk 'NR == 2 { print $4 }')"
awk '$1 == "MemTotal:" { print "memory", $2 }' /proc/meminfo
printf 'boot %s\n' "$(cat /proc/sys/kernel/random/boot_id)"
if [ -e "$provision/undo" ] || [ -e /etc/systemd/system/provision-undo.timer ]; then printf 'undo armed\n'; fi
for back in "$provision"/upgrade/*/back.sh; do
  if [ -f "$back" ]; then printf 'upgrade %s\n' "$(basename "$(dirname "$back")")"; fi
done
if [ -s /run/provision/lock ] && [ "/proc/$(sed -n 2p /run/provision/lock)/fd/9" -ef /run/provision/lock ]; then
  printf 'busy %s\n' "$(head -n 1 /run/provision/lock)"
fi
if [ -w /etc ]; then printf 'writable yes\n'; fi`

/** 1.5 GB: packages, two daemons and room for an upgrade. In kB, as df -k says it. */
const diskNeeded = 1_500_000
/** A "512 MB" VPS shows about 460,000 kB. */
const memoryNeeded = 400_000

/** The facts of a host that we can provision. Throws ProvisionError, with what was found, for any other. */
export function parseHost(where: string, { code, stdout, stderr }: Section): Host {
  if (code !== 0) throw new ProvisionError(where, `cannot look at the host: ${stderr || `exit code ${code}`}`)
  const facts = new Map([...stdout.matchAll(/^(\S+) (.*)$/gm)].map(([, name, value]) => [name!, value!]))
  const refuse = (found: string, hint: string): never => {
    throw new ProvisionError(where, found, hint)
  }
  const architecture = facts.get('architecture')
  if (facts.get('os') !== 'debian 12')
    refuse(
      `this is ${facts.get('name') ?? 'a system without /etc/os-release'}, not Debian 12`,
      'install Debian 12 (bookworm) first',
    )
  if (architecture !== 'amd64' && architecture !== 'arm64')
    return refuse(`its architecture is ${architecture}`, 'amd64 and arm64 are supported')
  if (facts.get('uid') !== '0') refuse('scripts do not run as root there', 'log in as root, or as a user who may use sudo')
  if (!facts.has('apt') || !facts.has('systemd'))
    refuse('it has no apt, or systemd does not run there', 'install Debian 12 (bookworm) first')
  if (!facts.has('writable'))
    refuse('/etc cannot be written there', 'a read-only root usually means a damaged file system: look at dmesg')
  if (Number(facts.get('disk')) < diskNeeded)
    refuse(`${facts.get('disk')} kB are free below /var, ${diskNeeded} are needed`, 'make room first')
  if (Number(facts.get('memory')) < memoryNeeded)
    refuse(`it has ${facts.get('memory')} kB of memory, ${memoryNeeded} are needed`, 'choose a larger machine')
  return {
    architecture,
    boot: facts.get('boot') ?? '',
    undoArmed: facts.has('undo'),
    upgrade: facts.get('upgrade'),
    busy: facts.get('busy'),
  }
}
