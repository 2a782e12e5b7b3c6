import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { ProvisionError } from '../errors.ts'

/** Does this while nobody else holds the file. The lock ends with this process, however that ends. */
export async function locked<T>(file: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(dirname(file), { recursive: true })
  const holder = spawn('flock', ['-o', file, 'sh', '-c', 'echo held; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] })
  await new Promise<void>((resolve, reject) => {
    holder.once('error', reject)
    holder.once('exit', () => reject(new ProvisionError(file, 'flock ended without the lock')))
    holder.stdout.once('data', () => resolve())
  })
  try {
    return await work()
  } finally {
    const ended = new Promise((resolve) => holder.removeAllListeners('exit').once('exit', resolve))
    holder.stdin.end()
    await ended
  }
}
