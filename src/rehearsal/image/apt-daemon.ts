import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { extname, join } from 'node:path'
import { until } from '../local.ts'
import { cacheDirectory } from '../paths.ts'
import { runningPid, startDetached } from '../processes.ts'
import type { Mirror } from './mirror.ts'

/** The pid file of a rehearsal's apt cache. */
export const aptPidFile = (directory: string): string => join(directory, 'apt', 'pid')

/** Starts the apt cache of a rehearsal unless it runs, and answers its address on this machine. */
export async function startAptCache(directory: string, { upstream, proxy }: Mirror): Promise<string> {
  const [own, pidFile] = [join(directory, 'apt'), aptPidFile(directory)]
  const [log, portFile] = [join(own, 'log'), join(own, 'port')]
  mkdirSync(own, { recursive: true, mode: 0o700 })
  if (runningPid(pidFile) === undefined) {
    rmSync(portFile, { force: true })
    // It stands beside this file, as .ts or as what it was compiled to.
    const program = join(import.meta.dirname, `apt-cache-process${extname(import.meta.filename)}`)
    await startDetached({
      pidFile,
      log,
      command: [
        process.execPath,
        program,
        join(cacheDirectory(), 'packages'),
        JSON.stringify(upstream),
        join(own, 'socket'),
        portFile,
      ],
      variables: { NODE_USE_ENV_PROXY: '1', ...(proxy === undefined ? {} : { http_proxy: proxy }) },
    })
  }
  const listens = () => (existsSync(portFile) ? readFileSync(portFile, 'utf8').trim() : undefined)
  const port = await until(
    { where: 'the apt cache', what: 'its start', limit: 10_000, evidence: () => readFileSync(log, 'utf8') },
    listens,
  )
  return `http://127.0.0.1:${port}`
}
