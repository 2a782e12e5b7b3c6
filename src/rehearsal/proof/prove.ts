import type { Server } from '../../inventory/inventory.ts'
import type { Rehearsal } from '../open.ts'
import type { Proof } from './proof.ts'
import { backupProofs } from './prove-backup.ts'
import { doctorProofs } from './prove-doctor.ts'
import { mailProofs } from './prove-mail.ts'
import { ntfyProofs } from './prove-ntfy.ts'
import { overlayProofs } from './prove-overlay.ts'
import { webProofs } from './prove-web.ts'

/** What is tried at the end of a rehearsal. `password` gives the value of a secret. */
export const proofs = (rehearsal: Rehearsal, server: Server, password: (name: string) => string): readonly Proof[] => [
  ...mailProofs(rehearsal, server, password),
  ...webProofs(rehearsal, server, password),
  ...doctorProofs(rehearsal, server, password),
  ...overlayProofs(rehearsal, server),
  ...ntfyProofs(rehearsal, server),
  ...backupProofs(rehearsal, server),
]
