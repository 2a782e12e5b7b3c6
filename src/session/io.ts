import type { Ask } from '../ssh/options.ts'
import { type End, jsonReport, type Report, textReport } from '../ui/report.ts'
import { setting } from '../util/environment.ts'

/** How a command talks: its report, its questions, and whether a person is there to answer. */
export interface Io {
  readonly report: Report
  readonly ask: Ask | undefined
  readonly json: boolean
  /** A line of what a command is for, as text; beside the events of --json it is for people, like all words. */
  print(line: string): void
  /** The command has ended: with --json the last event says so, whatever happened before. */
  ended(code: number): void
  /** A terminal whose lines may be drawn again. */
  readonly terminal: boolean
}

/** The process's own streams. Questions need a terminal on both sides; colour and cursor movement one on stdout. */
export function processIo({ json }: { readonly json: boolean }): Io {
  // A reader that has left (`| head`) ends nothing: a correction that has begun goes on.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', ignoreClosedPipe)
  const out = (line: string) => void process.stdout.write(`${line}\n`)
  const err = (line: string) => void process.stderr.write(`${line}\n`)
  const person = process.stdin.isTTY === true && process.stderr.isTTY === true
  return {
    ...(json ? oneEnd(jsonReport({ out, err })) : { report: textReport({ out, err }), ended: () => undefined }),
    print: json ? err : out,
    ask: person ? questions : undefined,
    json,
    terminal: !json && process.stdout.isTTY === true && setting('TERM') !== 'dumb',
  }
}

/** A report in which the runs within a command end in one event, when the command has ended. */
function oneEnd(report: Report): Pick<Io, 'report' | 'ended'> {
  const began = performance.now()
  const ends: End[] = []
  const sum = (of: 'changed' | 'resources' | 'execs') => ends.reduce((before, end) => before + end[of], 0)
  return {
    report: { ...report, end: (end) => void ends.push(end) },
    ended: (code) => {
      const ms = performance.now() - began
      report.end({ code, changed: sum('changed'), resources: sum('resources'), execs: sum('execs'), ms })
    },
  }
}

/** Asked with inquirer, which is loaded only then. On stderr, so that stdout stays what a program reads. */
const questions: Ask = {
  password: async (message) => (await import('../ui/ask.ts')).askPassword(message),
  confirm: async (message) => (await import('../ui/ask.ts')).askConfirm(message),
}

function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error
}
