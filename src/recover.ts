import { ProvisionError } from './errors.ts'
import { finishUndo } from './guard.ts'
import type { Plan } from './plan.ts'
import { places } from './probe.ts'
import type { Session } from './run.ts'
import { sh } from './sh.ts'

/** Finishes what a dead run left armed. After it, the host has to be looked at again. */
export async function recover(session: Session, { host }: Plan, who: string): Promise<boolean> {
  await session.lock(who)
  if (host.undoArmed) await finishUndo(session)
  if (host.upgrade !== undefined) await goBack(session, host.upgrade)
  return host.undoArmed || host.upgrade !== undefined
}

/** If the upgrade is still at work there, this waits for its end, and then there is nothing to go back from. */
async function goBack(session: Session, program: string): Promise<void> {
  const { code, stdout } = await session.work(sh`${places}
if [ -f "$provision/upgrade/"${program}/back.sh ]; then sh "$provision/upgrade/"${program}/back.sh now; fi`)
  if (code !== 0)
    throw new ProvisionError(
      program,
      `the way back from an upgrade that was cut off failed with exit code ${code}: ${stdout.trim() || 'the host said nothing'}`,
      `what it kept before is in /var/lib/provision/upgrade/${program}: look at “journalctl -u ${program}” on the host`,
    )
}
