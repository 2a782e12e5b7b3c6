import { ProvisionError } from '../errors.ts'
import { type Sh, sh } from '../sh.ts'
import type { Shell } from './shell.ts'

/** A shell that is lost with the host's boot, and found again. */
interface Found<S> extends Shell {
  again(limitMs: number, at: 'declared port'): Promise<S>
}

/** How long a host may take to go down, come up and let us in. */
const limitMs = 600_000

/**
 * Runs what reboots the host, and goes on over a new login, which a new boot id proves: a port that answers may be that of the
 * boot that ends. Throws ProvisionError when it does not come back, or does not go down.
 */
export async function rebooted<S extends Found<S>>(session: S, where: string, begin: Sh): Promise<S> {
  const end = performance.now() + limitMs
  const before = await bootOf(session)
  // The link ends with the boot. What fails at once is told.
  const asked = await session
    .run(sh`( ${begin}
) && sleep 300`)
    .catch(() => undefined)
  if (asked !== undefined && asked.code !== 0)
    throw new ProvisionError(
      where,
      `the reboot failed with exit code ${asked.code}: ${asked.stderr.trim() || 'the host said nothing'}`,
    )
  let last = 'it did not go down'
  let now = session
  while (performance.now() < end) {
    try {
      // Refused while it shuts down and while it boots: nobody but root may log in then.
      now = await now.again(Math.min(30_000, end - performance.now()), 'declared port')
      if ((await bootOf(now)) !== before) return now
    } catch (error) {
      last = error instanceof Error ? error.message : String(error)
    }
    await new Promise((resolve) => setTimeout(resolve, 1_000))
  }
  throw new ProvisionError(
    where,
    `the host was rebooted, and did not come back within ${limitMs / 60_000} minutes: ${last}`,
    'look at its console; then run it again: every step checks before it acts',
  )
}

async function bootOf(session: Shell): Promise<string> {
  const { code, stdout, stderr } = await session.run(sh`cat /proc/sys/kernel/random/boot_id`)
  if (code !== 0) throw new ProvisionError('the boot id', `cannot be read: ${stderr}`)
  return stdout.trim()
}
