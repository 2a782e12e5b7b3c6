import { ProvisionError } from '../errors.ts'
import { sh } from '../sh.ts'
import { finish } from './arm.ts'
import type { Plan } from './plan.ts'
import { statePlaces } from './probe.ts'
import type { Session } from './run.ts'

/**
 * Takes the run lock, and ends what an interrupted run left: by what is there then, not by what was known before the question.
 * Returns whether the host has to be checked again. Throws ProvisionError when another run has the lock, or when it cannot be ended.
 */
export async function recover(session: Session, { host }: Plan, who: string): Promise<boolean> {
  await session.lock(who)
  const { code, stdout, stderr } = await session.run(finish)
  if (code !== 0)
    throw new ProvisionError(
      'the undo that an interrupted run left',
      `failed: ${stderr.trim() || `exit code ${code}`}`,
      'mend that and run it again; “journalctl -u provision-undo” on the host has more',
    )
  const upgrades = [...stdout.matchAll(/^upgrade (\S+)$/gm)].map(([, name]) => name!)
  for (const program of upgrades) await goBack(session, program)
  return /^ended$/m.test(stdout) || upgrades.length > 0 || host.undoArmed || host.upgrade !== undefined
}

/** If the upgrade is still in progress there, this waits for its end, and then there is nothing to go back from. */
async function goBack(session: Session, program: string): Promise<void> {
  const { code, stdout } = await session.work(sh`${statePlaces}
if [ -f "$provision/upgrade/"${program}/back.sh ]; then sh "$provision/upgrade/"${program}/back.sh now; fi`)
  if (code !== 0)
    throw new ProvisionError(
      program,
      `the way back from an upgrade that was cut off failed with exit code ${code}: ${stdout.trim() || 'the host said nothing'}`,
      `what it kept before is in /var/lib/provision/upgrade/${program}: look at “journalctl -u ${program}” on the host`,
    )
}
