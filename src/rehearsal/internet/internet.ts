import { writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { sh } from '../../sh.ts'
import type { Image, Workshop } from '../image/image.ts'
import { bare } from '../image/images.ts'
import { until } from '../local.ts'
import type { Machine } from '../machine/machine.ts'
import { makeMachine } from '../machine/make-machine.ts'
import { machineDirectory } from '../paths.ts'
import { fetchPrograms } from './programs.ts'
import { type InternetService, programsDirectory, roleNumbers, type World } from './service.ts'
import { aptRelay, aptSocketDirectory } from './services/apt-relay.ts'
import { bindService } from './services/bind.ts'
import { ca, certificatesFolder } from './services/ca.ts'
import { ntfyService } from './services/ntfy.ts'
import { acmePorts, pebble } from './services/pebble.ts'
import { postfix } from './services/postfix.ts'
import { storage } from './services/storage.ts'
import { unboundService } from './services/unbound.ts'
import type { State } from './state.ts'

/** The parts of the small internet, in the order in which they are prepared. One more is one more file. */
const services: readonly InternetService[] = [ca, bindService, unboundService, pebble, postfix, ntfyService, storage, aptRelay]

const image: Image = [
  ...bare,
  {
    name: 'internet',
    packages: services.flatMap(({ packages }) => packages),
    script: sh`${services.flatMap((service) => (service.image === undefined ? [] : [service.image]))}`,
  },
]

/** Makes the machine that is the small internet; not booted yet. */
export async function makeInternet(
  workshop: Workshop,
  rehearsal: string,
  { network, world, rootPassword }: State,
): Promise<Machine> {
  const programs = join(rehearsal, 'programs')
  await fetchPrograms(services, programs, workshop.onProgress)
  return makeMachine(machineDirectory(rehearsal, 'internet'), workshop, {
    name: 'internet',
    image,
    network,
    numbers: Object.values(roleNumbers),
    hostname: 'internet',
    resolver: world.addresses.dns.v4,
    rootPassword,
    binds: [`${join(rehearsal, 'apt')}:${aptSocketDirectory}`, `${programs}:${programsDirectory}`],
    files: Object.assign({}, ...services.map((service) => service.files(world))),
    prepare: sh`${services.flatMap((service) => (service.prepare === undefined ? [] : [service.prepare(world)]))}`,
  })
}

/** Boots it, and waits until every part of it answers. */
export async function startInternet(machine: Machine, world: World): Promise<void> {
  await machine.start()
  for (const service of services) {
    const what = `${service.name} answering`
    const hint = 'a rehearsal that an older version made may lack it: begin anew with --fresh'
    const wait = { where: 'internet', what, limit: 20_000, evidence: () => evidence(machine), hint }
    await until(wait, async () => ((await machine.run(sh`set -e; ${service.ready(world)}`)).code === 0 ? true : undefined))
  }
}

/** The CA of Pebble's own certificate and the root of what it issues, in one file: a Pebble that was restarted has a new root. */
export async function writeBundle(machine: Machine, { addresses }: World, file: string): Promise<void> {
  const endpoint = await machine.must(sh`cat ${join(certificatesFolder, 'ca.pem')}`)
  const root = await fetchWith(endpoint, `https://${addresses.acme.v4}:${acmePorts.roots}/roots/0`)
  writeFileSync(file, `${endpoint.trimEnd()}\n${root.trimEnd()}\n`)
}

const evidence = async (machine: Machine): Promise<string> =>
  (await machine.run(sh`journalctl -b -n 20 --no-pager -p notice`)).stdout

/** `fetch` takes no CA of one's own. */
const fetchWith = (ca: string, url: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const asked = request(url, { ca, timeout: 10_000 }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => resolve(Buffer.concat(chunks).toString()))
    })
    asked.on('error', reject).end()
  })
