import { createConnection } from 'node:net'
import type { Output } from '../../engine/shell.ts'
import type { Sh } from '../../sh.ts'

let last = 0

/** Runs sh in a virtual machine, as root, through its console. Rejects when nobody answers in time. */
export function runOverConsole(socket: string, script: Sh, limit: number): Promise<Output> {
  const number = `${process.pid}-${++last}`
  // What an earlier run left unread comes first.
  const answer = new RegExp(`(?:^|\\n)${number} (\\d+) (\\S*)\\. (\\S*)\\.\\n`)
  return new Promise((resolve, reject) => {
    const connection = createConnection(socket)
    let said = ''
    const end = (settle: () => void) => {
      clearTimeout(timer)
      connection.destroy()
      settle()
    }
    const timer = setTimeout(() => end(() => reject(new Error(`no answer within ${limit / 1000} s`))), limit)
    connection.on('error', (error) => end(() => reject(error)))
    connection.on('close', () => end(() => reject(new Error('the console was closed'))))
    connection.setEncoding('latin1').on('data', (text: string) => {
      said += text
      const [, code, stdout, stderr] = answer.exec(said) ?? []
      if (code !== undefined) end(() => resolve({ code: Number(code), stdout: decoded(stdout!), stderr: decoded(stderr!) }))
    })
    connection.write(`${number} ${Buffer.from(script.text).toString('base64')}\n`)
  })
}

const decoded = (base64: string): string => Buffer.from(base64, 'base64').toString()
