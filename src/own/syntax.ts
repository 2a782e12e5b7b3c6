import { spawn } from 'node:child_process'
import type { Sh } from '../sh.ts'
import { environmentWith } from '../util/environment.ts'

/**
 * What a shell that runs nothing says of each script: `line 3: Unterminated quoted string`, and nothing where it can be read. The host's
 * sh is dash, which is asked where this machine has it; else its sh, and a machine without any leaves it to the host.
 */
export async function syntaxFaults(scripts: readonly Sh[]): Promise<readonly (string | undefined)[]> {
  // With its secrets hidden: what stands within quotes matters to nobody here.
  const said = new Map([...new Set(scripts.map(({ shown }) => shown))].map((text) => [text, fault(text)]))
  return Promise.all(scripts.map(({ shown }) => said.get(shown)))
}

const fault = async (text: string): Promise<string | undefined> => {
  const said = (await reading('dash', text)) ?? (await reading('sh', text)) ?? ''
  if (said === '') return undefined
  const [, line, why] = /(?:line )?(\d+): *(?:Syntax error: |syntax error: )?(.*)/.exec(said) ?? []
  return line === undefined ? said.trim().split('\n')[0] : `line ${line}: ${why}`
}

/** What a shell says of a script that it only reads; undefined when there is no such shell. */
const reading = (shell: string, text: string): Promise<string | undefined> =>
  new Promise((resolve) => {
    const child = spawn(shell, ['-n'], { stdio: ['pipe', 'ignore', 'pipe'], env: environmentWith({ LC_ALL: 'C' }) })
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (more: string) => {
      said += more
    })
    child.on('error', () => resolve(undefined))
    child.on('close', (code) => resolve(code === 0 ? '' : said || `exit code ${code}`))
    child.stdin.on('error', () => undefined)
    child.stdin.end(text)
  })
