import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { StepListener } from '../../src/engine/act.ts'
import { correct, lookAtStep } from '../../src/engine/converge.ts'
import type { Drift } from '../../src/engine/drift.ts'
import type { Output, Shell } from '../../src/engine/shell.ts'
import type { Step } from '../../src/engine/step.ts'
import type { Sh } from '../../src/sh.ts'
import { afterStart } from '../../src/ssh/session/records.ts'
import { readingScript } from '../../src/ssh/session/scripts.ts'

/**
 * A Shell for tests: this machine's own sh (dash, on Debian), as whoever runs the test, without sudo and without a lock.
 * `state` stands for /var/lib/provision; `env` is added to the environment.
 */
export function localShell(state?: string, env: NodeJS.ProcessEnv = {}): Shell {
  const given = { ...process.env, ...(state === undefined ? {} : { PROVISION_STATE: state }), ...env }
  return {
    run: (script) => runLocally(script, given),
    work: async (script, onLine) => {
      const { code, stdout, stderr } = await runLocally(script, given)
      const said = stdout + stderr
      for (const line of said.replace(/\n$/, '').split('\n')) if (said !== '') onLine?.(line)
      return { code, stdout: said, stderr: '' }
    },
    put: async (path, sha256) => {
      const found = createHash('sha256').update(readFileSync(path)).digest('hex')
      if (found !== sha256) throw new Error(`${path} has the digest ${found}, not ${sha256}`)
      const folder = join(state ?? '/var/lib/provision', 'artifacts')
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      copyFileSync(path, join(folder, sha256))
    },
  }
}

/** Looks at one step, and corrects what differs. Returns what was corrected. */
export const converge = async (shell: Shell, step: Step, listener: StepListener = {}): Promise<readonly Drift[]> =>
  (await correct(shell, await lookAtStep(shell, step), { listener })).changed

function runLocally(script: Sh, env: NodeJS.ProcessEnv): Promise<Output> {
  const nonce = randomBytes(8).toString('hex')
  return new Promise((resolve, reject) => {
    const child = spawn('sh', ['-s'], { env })
    const [out, err]: [Buffer[], Buffer[]] = [[], []]
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
    child.on('error', reject)
    child.on('close', (code) => {
      const [stdout, stderr] = [Buffer.concat(out), Buffer.concat(err)].map((all) => afterStart(all, nonce) ?? all)
      resolve({ code: code ?? 137, stdout: stdout!.toString(), stderr: stderr!.toString() })
    })
    child.stdin.on('error', () => undefined)
    child.stdin.end(readingScript(script, nonce).text)
  })
}
