import type { ClientChannel } from 'ssh2'
import type { Ended } from '../session/exec.ts'

/**
 * The user that a login is sent to, where the host runs nothing but words for the one that was used: cloud-init 22.4 makes
 * `Please login as the user "debian" rather than the user "root".` of root's key, Amazon's images `as the ec2-user user`.
 * cloud-init writes "NONE" where the image has no such user.
 */
export function sentTo(said: string): string | undefined {
  const [, name] = /\bplease log ?in as (?:the )?(?:user )?["'“]?([\w-]+)/i.exec(said) ?? []
  return name !== undefined && /^[a-z_][a-z0-9_-]{0,31}$/.test(name) ? name : undefined
}

/** What such a host has said: how its command ends is not waited for, since cloud-init's sleeps for ten seconds first. */
export function turnedAway(channel: ClientChannel): Promise<{ readonly ended: Ended }> {
  return new Promise((resolve) => {
    let said = ''
    const hear = (chunk: Buffer): void => {
      said += chunk.toString('latin1')
      // Only in what comes before our own script: that begins with a mark.
      if (said.length > 4096 || said.includes('\x1e')) channel.off('data', hear)
      else if (said.includes('\n') && sentTo(said) !== undefined) {
        channel.off('data', hear)
        resolve({ ended: { code: 142, stdout: Buffer.from(said, 'latin1'), stderr: Buffer.alloc(0) } })
      }
    }
    channel.on('data', hear)
  })
}
