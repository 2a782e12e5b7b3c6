import { copyFileSync, rmSync } from 'node:fs'
import { arch } from 'node:os'
import { join } from 'node:path'
import { nebulaConfig } from '../../../files/etc/nebula/config.yml.ts'
import { artifactSource, openLock } from '../../artifacts/artifacts.ts'
import { ProvisionError } from '../../errors.ts'
import { openings, type Server } from '../../inventory/inventory.ts'
import { type Sh, sh } from '../../sh.ts'
import { until } from '../local.ts'
import type { Machine } from '../machine/machine.ts'
import { peerNode } from '../network/overlay-network.ts'
import type { Rehearsal } from '../open.ts'
import type { Proof } from './proof.ts'

/** What another node of the overlay finds: the host, through its tunnel, and of it what is declared. */
export function overlayProofs(rehearsal: Rehearsal, server: Server): readonly Proof[] {
  const { nebula } = server
  if (nebula === undefined) return []
  const [address = ''] = nebula.address.split('/')
  return [
    {
      title: `a peer reaches ${address} through the overlay`,
      try: async () => {
        await joinOverlay(rehearsal, server)
        return pinged(rehearsal.internet, address)
      },
    },
    {
      title: 'of the overlay’s address the peer reaches what is declared, and nothing else',
      try: () => overlayPorts(rehearsal, server),
    },
  ]
}

type Overlay = Pick<Rehearsal, 'directory' | 'host' | 'internet'>

/** Makes the small internet a node: with the pinned program, and a certificate of the CA that is kept in the directory. */
export async function joinOverlay({ directory, host, internet }: Overlay, server: Server): Promise<void> {
  const source = artifactSource(server.artifacts, { lock: await openLock(directory, { embedded: true }) })
  const { path } = await source.obtain('nebula', arch() === 'arm64' ? 'arm64' : 'amd64')
  const program = join(internet.root, 'usr/local/bin/nebula')
  // One that runs cannot be written over.
  rmSync(program, { force: true })
  copyFileSync(path, program)
  await internet.must(startNode(directory, host, server))
}

/** Makes a machine that has the program a node: the peer of the host. Again, and it is another one. */
export function startNode(directory: string, host: Pick<Machine, 'address'>, { nebula }: Server): Sh {
  if (nebula === undefined) throw new ProvisionError('nebula', 'is not declared')
  const { ca, certificate, key } = peerNode(directory, nebula)
  const [address = ''] = nebula.address.split('/')
  const lighthouses = [{ address, at: [`${host.address}:${nebula.port}`] }]
  const config = nebulaConfig({ ...nebula, lighthouse: false, lighthouses, inbound: [] })
  return sh`set -e
chmod 755 /usr/local/bin/nebula
systemctl stop nebula-peer.service 2>/dev/null || :
mkdir -p /etc/nebula
umask 077
printf %s ${ca} > /etc/nebula/ca.crt
printf %s ${certificate} > /etc/nebula/host.crt
printf %s ${key} > /etc/nebula/host.key
printf %s ${config} > /etc/nebula/config.yml
systemd-run -q --unit=nebula-peer.service -p Type=notify -p NotifyAccess=main /usr/local/bin/nebula -config /etc/nebula/config.yml`
}

/** Waits for the tunnel: the first packets make it. */
export async function pinged(from: Machine, address: string): Promise<string> {
  const evidence = async () => (await from.run(sh`journalctl -u nebula-peer.service -n 20 --no-pager -o cat`)).stdout
  const ping = sh`ping -c 1 -W 2 ${address}`
  const answer = await until({ where: from.name, what: `an answer of ${address}`, limit: 30_000, evidence }, async () => {
    const { code, stdout } = await from.run(ping)
    return code === 0 ? stdout : undefined
  })
  return `${/time=([\d.]+ ms)/.exec(answer)?.[1]}`
}

/** Both firewalls let in the same: what listens and is declared answers, and what listens besides does not. Says which. */
export async function overlayPorts({ host, internet }: Overlay, server: Server): Promise<string> {
  const [address = ''] = server.nebula!.address.split('/')
  const declared = openings(server).filter(({ protocol }) => protocol === 'tcp')
  const listening = (await host.must(sh`ss -Hltn`)).split('\n').flatMap((row) => {
    const [, at, port] = /\s(\S+):(\d+)\s+\S+:\*/.exec(row) ?? []
    return at !== undefined && !/^(127\.|\[::1\])/.test(at) ? [Number(port)] : []
  })
  const expected = [...new Set(declared.map(({ port }) => port).filter((port) => listening.includes(port)))]
  // Somebody listens there for the while of this proof, and is let in by neither firewall.
  const stray = 7777
  const listener: Sh = sh`systemd-run -q --unit=stray-listener.socket --socket-property=ListenStream=${stray} /bin/cat`
  await host.run(listener)
  try {
    for (const port of [...expected, stray]) {
      const open = (await internet.run(sh`timeout 5 bash -c 'exec 3<>"/dev/tcp/$1/$2"' bash ${address} ${port}`)).code === 0
      if (open !== (port !== stray))
        throw new ProvisionError(`${address}:${port}`, open ? 'answers, and is not declared' : 'does not answer')
    }
  } finally {
    await host.run(sh`systemctl stop stray-listener.socket`)
  }
  return `${expected.toSorted((a, b) => a - b).join(' ')}, not ${stray}`
}
