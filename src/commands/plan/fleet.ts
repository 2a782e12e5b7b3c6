import { Interrupted, noTerminal, ProvisionError } from '../../errors.ts'
import { listInventories, namesOf } from '../../inventory/load.ts'
import type { Io } from '../../session/io.ts'
import { stopSignals } from '../../session/signals.ts'
import { type End, endLines, jsonReport, type Report, seconds, textReport } from '../../ui/report.ts'
import { environmentWith, takePasswords } from '../../util/environment.ts'
import { apply } from './apply.ts'
import type { ApplyOptions } from './apply-options.ts'

/** What `provision --host a,b` and `--all` may be told: what one host may be, but for where it alone is. */
export interface FleetOptions extends Omit<ApplyOptions, 'host'> {
  /** File names, host names or addresses; none: every inventory of the folder. */
  readonly hosts: readonly string[]
}

/** How it went on one host. */
interface Outcome {
  readonly name: string
  readonly code: number
  readonly changed: number
}

/** How many hosts are talked to at once. */
const atOnce = 16

/**
 * The same as for one host, for several, many at once: a line each as it ends, and one that counts them. A host that fails stops no
 * other. On a terminal all are looked at first, and one question is asked. Returns the exit code: the worst of theirs.
 * Throws ProvisionError, before any host is talked to, for a name that means none.
 */
export async function fleet(options: FleetOptions, io: Io): Promise<number> {
  const { address, hostKey, check, yes } = options
  if (address !== undefined || hostKey !== undefined)
    throw new ProvisionError(address === undefined ? '--host-key' : '--address', 'is of one host, and several are named')
  if (!check && !yes && io.ask === undefined) throw noTerminal('say --yes to correct what differs, or --check to look only')
  const names =
    options.hosts.length > 0 ? await namesOf(options.inventory, options.hosts) : await listInventories(options.inventory)
  if (names.length === 0) throw new ProvisionError('--all', 'there is no inventory', 'make one with “provision init”')

  const env = withPasswords()
  const looked = await each(names, { ...options, check: check || !yes }, env, io)
  const differ = looked.filter(({ code }) => code === 2).map(({ name }) => name)
  if (check || yes || differ.length === 0) return worst(looked)
  if (!(await io.ask!.confirm(`Correct ${differ.length === 1 ? differ[0] : `these ${differ.length} hosts`}?`)))
    return worst(looked)
  const corrected = await each(differ, { ...options, yes: true }, env, io)
  return worst([...looked.filter(({ code }) => code !== 2), ...corrected])
}

/** The environment as it was given, passwords included, which are taken out of the process's own: every host of every pass gets a copy. */
function withPasswords(): NodeJS.ProcessEnv {
  const env = environmentWith()
  takePasswords()
  return env
}

async function each(
  names: readonly string[],
  options: Omit<FleetOptions, 'hosts'>,
  env: NodeJS.ProcessEnv,
  io: Io,
): Promise<readonly Outcome[]> {
  const began = performance.now()
  const width = Math.max(...names.map((name) => name.length))
  const signals = stopSignals(() => undefined)
  const [todo, done] = [[...names], [] as Outcome[]]
  const worker = async () => {
    for (let name = todo.shift(); name !== undefined && signals.stopped() === undefined; name = todo.shift()) {
      done.push(await one(name, { ...options, env: { ...env } }, io, width))
    }
  }
  try {
    await Promise.all(Array.from({ length: Math.min(atOnce, names.length) }, worker))
  } finally {
    signals.forget()
  }
  const code = signals.stopped()
  const left = names.filter((name) => !done.some((outcome) => outcome.name === name))
  if (!io.json) process.stdout.write(`${summary(done, left, performance.now() - began)}\n`)
  if (code !== undefined && left.length > 0)
    throw new Interrupted('the run', `was stopped; left to do: ${left.join(' ')}`, code, 'run it again')
  return done
}

/** One host: what it says is kept until it ends, so that lines of two do not mix. */
async function one(name: string, options: Omit<FleetOptions, 'hosts'>, io: Io, width: number): Promise<Outcome> {
  const heard = io.json ? inEvents(name, io) : inLines(name, width)
  const code = await apply({ ...options, host: name }, { ...io, ask: undefined, terminal: false, report: heard.report }).catch(
    (error: unknown) => {
      const { where = 'provision', message = String(error), hint } = error as Partial<ProvisionError>
      heard.report.error({ where, message, hint })
      return error instanceof Interrupted ? error.code : 1
    },
  )
  return { name, code, changed: heard.told(code) }
}

interface Heard {
  readonly report: Report
  /** Tells what is left to tell of a host that has ended so; how much was changed. */
  told(code: number): number
}

function inEvents(host: string, io: Io): Heard {
  const report = jsonReport(
    { out: (line) => void process.stdout.write(`${line}\n`), err: (line) => void process.stderr.write(`${host}: ${line}\n`) },
    { host },
  )
  let ended: End | undefined
  return {
    report: {
      ...report,
      end: (end) => {
        ended = end
        report.end(end)
        io.report.end(end)
      },
    },
    told: () => ended?.changed ?? 0,
  }
}

function inLines(name: string, width: number): Heard {
  const [lines, faults]: [string[], string[]] = [[], []]
  let ended: End | undefined
  const push = (line: string) => void lines.push(line)
  const report: Report = {
    ...textReport({ out: push, err: push }),
    end: (end) => {
      ended = end
    },
    error: ({ where, message, hint }) =>
      void faults.push(`${where}: ${message}`, ...(hint === undefined ? [] : [`hint: ${hint}`])),
  }
  return {
    report,
    told: (code) => {
      const [first = '', ...rest] = [...faults, ...(ended === undefined ? [] : endLines(ended))].flatMap((text) =>
        text.split('\n'),
      )
      const all = [
        `${code === 0 ? '✓' : code === 2 ? '≠' : '✗'} ${name.padEnd(width)}  ${first}`,
        ...[...rest, ...lines].map((line) => `    ${line}`),
      ]
      process.stdout.write(`${all.join('\n')}\n`)
      return ended?.changed ?? 0
    },
  }
}

function summary(done: readonly Outcome[], left: readonly string[], ms: number): string {
  const number = (count: number, what: string) => (count === 0 ? [] : [`${count} ${what}`])
  const as = (test: (outcome: Outcome) => boolean) => done.filter(test).length
  const words = [
    ...number(
      as(({ code, changed }) => code === 0 && changed === 0),
      'as declared',
    ),
    ...number(
      as(({ code, changed }) => code === 0 && changed > 0),
      'corrected',
    ),
    ...number(
      as(({ code }) => code === 2),
      'different',
    ),
    ...number(
      as(({ code }) => code !== 0 && code !== 2),
      'failed',
    ),
    ...number(left.length, 'not begun'),
  ]
  const all = done.length + left.length
  return `${all} host${all === 1 ? '' : 's'}: ${words.join(', ')} (${seconds(ms)})`
}

/** 1 when one failed, else that of the signal, else 2 when one differs. */
const worst = (all: readonly Outcome[]): number =>
  all.some(({ code }) => code === 1) ? 1 : Math.max(0, ...all.map(({ code }) => code))
