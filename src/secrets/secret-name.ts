import { type MadeAs, Secret } from '../secret.ts'

/** A secret whose value nobody can read yet: what the schema makes, before the inventory ties it to its store. */
export const secretPlaceholder = (name: string, madeAs?: MadeAs): Secret => new Secret(name, () => undefined, { madeAs })

/** What a secret may be called. */
export const secretName = /^[a-z0-9][a-zA-Z0-9@._+/-]{0,199}$/
