import { defineKind } from '../../engine/kind.ts'
import { sh } from '../../sh.ts'

export interface Reboot {
  /** Whether this run may reboot the host. */
  readonly allowed: boolean
}

interface State {
  /** What asks for it; empty where nothing does. */
  readonly needed: string
}

/** Upgrades that are in force: a kernel, or a library of systemd's, is only after a reboot. See /run/reboot-required. */
export const reboot = defineKind<Reboot, State>({
  name: 'reboot',
  key: () => 'host',

  // Debian's kernels say so themselves only where unattended-upgrades was there before them.
  probe: () => sh`
if [ -e /run/reboot-required ]; then printf 'required %s\n' "$(sort -u /run/reboot-required.pkgs 2>/dev/null | tr '\n' ' ')"; fi
running=$(uname -r)
if [ -e "/boot/vmlinuz-$running" ]; then
  newest=$(printf '%s\n' /boot/vmlinuz-* | sort -V | tail -n 1)
  if [ "$newest" != "/boot/vmlinuz-$running" ]; then printf 'kernel %s\n' "\${newest#/boot/vmlinuz-}"; fi
fi
printf 'end\n'`,

  parse: (output) => {
    if (!/^end$/m.test(output)) return new Map()
    const [, packages] = /^required (.*)$/m.exec(output) ?? []
    const [, kernel] = /^kernel (.*)$/m.exec(output) ?? []
    const asking = [...(kernel === undefined ? [] : [`the kernel ${kernel}`]), ...(packages?.trim().split(' ') ?? [])]
    return new Map([['host', { needed: asking.filter(Boolean).join(', ') || (packages === undefined ? '' : 'an upgrade') }]])
  },

  diff: ({ allowed }, { needed }) =>
    allowed && needed !== '' ? [{ field: 'boot', from: `needed by ${needed}`, to: 'new' }] : [],

  // Never while an undo is armed: it would be undone at the boot.
  apply: () => sh`
if [ -e /etc/systemd/system/provision-undo.timer ]; then printf 'an undo is armed: no reboot now\n' >&2; exit 1; fi
systemctl --no-block reboot`,

  notes: ({ allowed }, { needed }) => (needed === '' || allowed ? [] : [`a reboot is needed by ${needed}: --reboot allows it`]),
})
