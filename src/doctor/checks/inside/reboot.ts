import { sh } from '../../../sh.ts'
import { type Check, ok, warning } from '../../check.ts'

/** A new kernel or libc counts only after a reboot. */
export const rebootCheck: Check = {
  id: 'reboot',
  title: 'no update waits for a reboot',
  look: async ({ on }) => {
    const said = await on(sh`
if [ -e /run/reboot-required ]; then
  stat -c 'since %y' /run/reboot-required
  [ ! -e /run/reboot-required.pkgs ] || sort -u /run/reboot-required.pkgs | sed 's/^/for /'
fi
if ! systemd-detect-virt -qc; then
  newest=$(find /boot -maxdepth 1 -name 'vmlinuz-*' -printf '%f\n' | sed 's/^vmlinuz-//' | sort -V | tail -n 1)
  printf 'kernel %s %s\n' "$(uname -r)" "$newest"
fi
printf 'done\n'`)
    const since = /^since (\S+)/m.exec(said)?.[1]
    const packages = [...said.matchAll(/^for (.*)$/gm)].map(([, name]) => name)
    const [, runs, newest] = /^kernel (\S+) (\S+)$/m.exec(said) ?? []
    const next = 'reboot it when nobody minds: ssh, sudo systemctl reboot; then provision doctor'
    if (since !== undefined)
      return [warning('reboot', `is needed since ${since}${packages.length > 0 ? `, for ${packages.join(' ')}` : ''}`, next)]
    return newest !== undefined && newest !== runs
      ? [warning('kernel', `${runs} runs, ${newest} is installed`, next)]
      : [ok('reboot', runs === undefined ? 'not needed' : `not needed: ${runs} runs`)]
  },
}
