import { nebulaNode } from '../../../inventory/inventory.ts'
import { type Check, ok, warning } from '../../check.ts'
import { CouldNotLook } from '../../could-not-look.ts'

/** Nodes of the overlay network are signed by hand, and end with their CA. */
export const overlay: Check = {
  id: 'overlay',
  title: 'the certificate of the overlay network is good for a month or more',
  look: async ({ server: { nebula }, secret }) => {
    if (nebula === undefined) return [ok('nebula', 'none is declared')]
    for (const { name } of [nebula.ca, nebula.certificate]) secret(name)
    if (!nebula.certificate.known) throw new CouldNotLook(`${nebula.certificate.name} is not known here`)
    const notes = nebulaNode(nebula).notes()
    return notes.length === 0
      ? [ok('nebula', 'good for a month or more')]
      : notes.map((note) => warning('nebula', note, `provision secrets set ${nebula.certificate.name}, then a run`))
  },
}
