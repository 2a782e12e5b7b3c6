import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { networkOf, type Server } from '../../inventory/inventory.ts'
import { makeCa, type Pair, signNode } from '../../nebula/sign.ts'

/** The CA of a rehearsal's overlay network: on this machine alone, as an operator's is. Made when it is not there yet. */
export function overlayCa(directory: string): Pair {
  const file = join(directory, 'nebula-ca.json')
  if (!existsSync(file)) {
    const ca = makeCa('rehearsal', anHourAgo(), new Date(Date.now() + 365 * day))
    writeFileSync(file, JSON.stringify(ca), { mode: 0o600 })
  }
  return JSON.parse(readFileSync(file, 'utf8')) as Pair
}

/** The secrets of the host as a node of that network, by their names. */
export function overlaySecrets(
  directory: string,
  { nebula, hostname }: Pick<Server, 'nebula' | 'hostname'>,
): ReadonlyMap<string, string> {
  if (nebula === undefined) return new Map()
  const ca = overlayCa(directory)
  const node = signNode(ca, { name: hostname, network: nebula.address, from: anHourAgo() })
  return new Map([
    [nebula.ca.name, ca.certificate],
    [nebula.certificate.name, node.certificate],
    [nebula.key.name, node.key],
  ])
}

/** Another node of that network, with the last address but one: `10.19.55.254` of `10.19.55.0/24`. */
export function peerNode(
  directory: string,
  nebula: NonNullable<Server['nebula']>,
): Pair & { readonly ca: string; readonly address: string } {
  const [first = '', length = ''] = networkOf(nebula.address).split('/')
  const address = first.replace(/\.[^.]*$/, '.254')
  const ca = overlayCa(directory)
  return { ca: ca.certificate, address, ...signNode(ca, { name: 'peer', network: `${address}/${length}`, from: anHourAgo() }) }
}

const day = 86_400_000
/** The clocks of the two may differ a little. */
const anHourAgo = (): Date => new Date(Date.now() - day / 24)
