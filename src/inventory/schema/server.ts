import { conflicts } from '../conflicts/conflicts.ts'
import { type Server as Declared, ServerShape } from './shape.ts'

/** The schema of an inventory file: strict, with the reference server's defaults. What it gives is valid input for it again. */
export const Server = ServerShape.transform((server, context) => {
  // A transformation, because those run only when every field is right by itself.
  for (const { path, message } of conflicts(server))
    context.issues.push({ code: 'custom', input: server, path: [...path], message })
  return server
})

/** One server: what its inventory file says, with every default filled in. */
export type Server = Declared
