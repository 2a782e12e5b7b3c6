import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'

/** A real terminal, with a person at its keyboard. */
export interface Terminal {
  /** Presses keys, by tmux's names: `Enter`, `Down`, `C-c`. */
  press(...keys: readonly string[]): void
  /** Types a text over what stands there, and Enter. */
  answer(text: string): void
  /** What is on the screen and above it, once it shows this. Throws when it does not in time, with what it shows. */
  shows(what: RegExp): Promise<string>
  /** The exit code, once the command has ended. */
  ended(limit?: number): Promise<number>
  close(): void
}

/** Starts a command in a terminal of 120 columns, unless it has others, in a folder, on a tmux of its own. */
export function openTerminal(
  command: readonly string[],
  {
    cwd,
    env = {},
    columns = 120,
  }: { readonly cwd: string; readonly env?: Readonly<Record<string, string>>; readonly columns?: number },
): Terminal {
  const dir = mkdtempSync(join(tmpdir(), 'terminal-test-'))
  const script = join(dir, 'run')
  const exit = join(dir, 'exit')
  const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`
  const set = Object.entries(env).map(([name, value]) => `export ${name}=${quoted(value)}\n`)
  writeFileSync(
    script,
    `unset TMUX SSH_CONNECTION NO_COLOR CI XDG_STATE_HOME\n${set.join('')}cd ${quoted(cwd)}\n${command.map(quoted).join(' ')}\necho $? > ${exit}.new\nmv ${exit}.new ${exit}\nexec sleep 600\n`,
  )
  const tmux = (...args: readonly string[]) =>
    execFileSync('tmux', ['-S', join(dir, 'socket'), '-f', '/dev/null', ...args], { encoding: 'utf8' })
  tmux('new-session', '-d', '-x', `${columns}`, '-y', '50', `sh ${quoted(script)}`)
  const screen = () => tmux('capture-pane', '-p', '-J', '-S', '-').trimEnd()
  const until = async <T>(what: string, look: () => T | undefined, limit = 20_000): Promise<T> => {
    const end = Date.now() + limit
    for (;;) {
      const seen = look()
      if (seen !== undefined) return seen
      if (Date.now() > end) throw new Error(`the screen does not show ${what}:\n${screen()}`)
      await setTimeout(50)
    }
  }
  return {
    press: (...keys) => void tmux('send-keys', ...keys),
    answer: (text) => {
      tmux('send-keys', 'C-u')
      tmux('send-keys', '-l', text)
      tmux('send-keys', 'Enter')
    },
    shows: (what) =>
      until(String(what), () => {
        const text = screen()
        return what.test(text) ? text : undefined
      }),
    ended: (limit) => until('an end', () => (existsSync(exit) ? Number(readFileSync(exit, 'utf8')) : undefined), limit),
    close: () => {
      tmux('kill-server')
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
