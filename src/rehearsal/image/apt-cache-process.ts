// The apt cache as a process of its own: `node apt-cache-process.ts DIRECTORY UPSTREAM-AS-JSON SOCKET PORT-FILE`.
// It listens on a unix socket for the rehearsal's machines and on a port of the loopback for the building of images.
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { aptCache } from './apt-cache.ts'

const [directory, upstream, socket, portFile] = process.argv.slice(2)
if (directory === undefined || upstream === undefined || socket === undefined || portFile === undefined)
  throw new Error('four arguments are needed')

const allowed = JSON.parse(upstream) as Record<string, string>
rmSync(socket, { force: true })
aptCache({ directory, upstream: allowed }).listen(socket)
const loopback = aptCache({ directory, upstream: allowed }).listen(0, '127.0.0.1', () => {
  const address = loopback.address()
  writeFileSync(`${portFile}.new`, `${address !== null && typeof address === 'object' ? address.port : ''}\n`)
  renameSync(`${portFile}.new`, portFile)
})
