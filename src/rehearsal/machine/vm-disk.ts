import { copyFileSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { sh } from '../../sh.ts'
import type { Layer } from '../image/image.ts'
import { local, mustRun } from '../local.ts'

/** The name of the port that a virtual machine's console is at. */
export const consolePort = 'provision.console'

/** What a virtual machine has besides: a kernel of its own, and a way in past sshd, as a provider's console is. */
export const kernel: Layer = {
  name: 'kernel',
  packages: ['linux-image-cloud-amd64', 'initramfs-tools', 'zstd'],
  script: sh`
cat > /usr/local/sbin/rehearsal-console <<'END'
#!/bin/sh
# Runs what comes in, a script a line, and answers in a line: its number, its code, and what it printed. All in base64.
exec 3<>/dev/virtio-ports/provision.console
work=$(mktemp -d)
while :; do
  # Nobody is there as yet.
  if ! IFS=' ' read -r number script <&3; then sleep 0.3; continue; fi
  printf %s "$script" | base64 -d > "$work/script"
  env -i HOME=/root LC_ALL=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin sh -s < "$work/script" > "$work/out" 2> "$work/err" 3<&-
  printf '%s %s %s. %s.\n' "$number" $? "$(base64 -w0 "$work/out")" "$(base64 -w0 "$work/err")" >&3
done
END
chmod 755 /usr/local/sbin/rehearsal-console
cat > /etc/systemd/system/rehearsal-console.service <<'END'
[Unit]
Description=Way in for rehearsals

[Service]
ExecStart=/usr/local/sbin/rehearsal-console
Restart=always
KillMode=process

[Install]
WantedBy=multi-user.target
END
systemctl enable rehearsal-console.service`,
}

/** Where the parts of a virtual machine are kept. */
export const vmFiles = (directory: string) => ({
  base: join(directory, 'disk.raw'),
  disk: join(directory, 'disk.qcow2'),
  kernel: join(directory, 'vmlinuz'),
  initrd: join(directory, 'initrd.img'),
  console: join(directory, 'console.sock'),
})

/** Makes the disk of a virtual machine from a mounted root, and takes its kernel out of it. */
export async function makeDisk(directory: string, name: string, root: string): Promise<void> {
  const files = vmFiles(directory)
  const boot = readdirSync(join(root, 'boot'))
  const newest = (start: string) =>
    join(
      root,
      'boot',
      boot
        .filter((file) => file.startsWith(start))
        .toSorted()
        .at(-1) ?? start,
    )
  copyFileSync(newest('vmlinuz-'), files.kernel)
  copyFileSync(newest('initrd.img-'), files.initrd)
  await mustRun(name, 'making its disk', local`mkfs.ext4 -q -F -d ${root} ${files.base} 12G`)
  await mustRun(name, 'making its disk', local`qemu-img create -q -f qcow2 -b ${files.base} -F raw ${files.disk}`)
}

/** Keeps of its root what is asked for from outside: the public halves of its ssh host keys. */
export function keepHostKeys(directory: string, root: string): void {
  const [from, to] = [join(root, 'etc/ssh'), join(directory, 'seen/etc/ssh')]
  rmSync(join(directory, 'seen'), { recursive: true, force: true })
  mkdirSync(to, { recursive: true })
  for (const file of readdirSync(from).filter((one) => /^ssh_host_\w+_key\.pub$/.test(one)))
    copyFileSync(join(from, file), join(to, file))
}
