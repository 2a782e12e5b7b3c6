import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { benchHost } from './host.ts'
import { noop, type Row } from './noop.ts'

const say = (line: string): void => void process.stderr.write(`${line}\n`)
const turns = 15

const host = await benchHost(say)
const rows: Row[] = []
rows.push(...(await noop(host, 1, turns, say)))
rows.push(...(await noop(host, 10, turns, say)))
console.table(rows)
