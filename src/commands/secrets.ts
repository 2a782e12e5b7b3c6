import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, constants, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text as readAll } from 'node:stream/consumers'
import { ProvisionError } from '../errors.ts'
import type { Inventory } from '../inventory/inventory.ts'
import { secretName } from '../inventory/schema/secret-field.ts'
import { secretsIn } from '../secret.ts'
import { formatSecrets, formerName, parseSecrets } from '../secrets/content.ts'
import type { Report } from '../ui/report.ts'
import { setting } from '../util/environment.ts'

/** How the command talks with the operator. */
export interface SecretsIo {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean }
  /** What was asked for: stdout. */
  out(line: string): void
  /** What goes with it: stderr. */
  say(line: string): void
  /** A command about the same host, as it can be pasted. */
  command(...words: readonly string[]): string
  /** Asks for a new value without showing what is typed, until it is typed twice and `fault` accepts it. */
  newValue(question: string, fault: (typed: string) => string | undefined): Promise<string>
}

type Held = Pick<Inventory, 'server' | 'store'>

/** Every secret that the inventory refers to or the store holds, and whether it has a value. No value is shown. */
export async function listSecrets(
  { server, store }: Held,
  { out, event }: Pick<SecretsIo, 'out'> & { readonly event?: Report['event'] },
): Promise<void> {
  await store.open()
  const wanted = new Map(secretsIn(server).map((secret) => [secret.name, secret]))
  const names = [...new Set([...wanted.keys(), ...store.names()])].toSorted()
  const width = Math.max(...names.map(({ length }) => length), 0)
  const state = (name: string): string => {
    if (store.value(name) !== undefined) return wanted.has(name) ? 'stored' : 'stored, but nothing refers to it'
    return wanted.get(name)?.madeAs === undefined ? 'missing: set it' : 'missing: generated when it is needed'
  }
  for (const name of names) {
    event?.({ event: 'secret', name, value: store.value(name) !== undefined, used: wanted.has(name) })
    out(`${name.padEnd(width)}  ${state(name)}`)
  }
}

/**
 * Prints one value: that of now, or with `previous` what it was before, 1 being the last former value. Throws ProvisionError when there
 * is none.
 */
export async function showSecret(
  { store }: Held,
  name: string,
  { out, command }: Pick<SecretsIo, 'out' | 'command'>,
  previous = 0,
): Promise<void> {
  await store.open()
  if (previous > 0) {
    const former = store.previous(name)
    const value = former[previous - 1]
    if (value === undefined)
      throw new ProvisionError(
        store.file,
        former.length === 0
          ? `it keeps no former value of ${name}`
          : `it keeps ${former.length} former ${former.length === 1 ? 'value' : 'values'} of ${name}`,
      )
    return out(value)
  }
  const value = store.value(name)
  if (value === undefined)
    throw new ProvisionError(
      store.file,
      `it has no ${name}; it has: ${store.names().join(', ') || 'nothing'}`,
      command('secrets', 'set', name),
    )
  out(value)
}

/** Stores one value, typed twice on a terminal, else read from stdin without its last newline. Throws ProvisionError for none. */
export async function setSecret({ server, store }: Held, name: string, io: SecretsIo): Promise<void> {
  if (!secretName.test(name))
    throw new ProvisionError(
      name,
      'is not a valid secret name',
      'letters, digits and @ . _ + / -, such as mail/someone@example.org',
    )
  if (formerName.test(name)) throw new ProvisionError(name, 'is the name of a former value in the store: it cannot be set')
  if (!secretsIn(server).some((secret) => secret.name === name)) io.say(`nothing in the inventory refers to ${name} so far`)
  const value =
    io.stdin.isTTY === true ? await io.newValue(`Value of ${name}`, emptyFault) : (await readAll(io.stdin)).replace(/\r?\n$/, '')
  const fault = emptyFault(value)
  if (fault !== undefined) throw new ProvisionError(name, `${fault}: nothing was stored`)
  if (value.includes('\0')) throw new ProvisionError(name, 'a value with a NUL cannot be kept: nothing was stored')
  await store.open()
  const before = store.value(name)
  await store.update((values) => new Map([...values, [name, value]]), io.say)
  io.say(`stored ${name} in ${store.file}`)
  if (before !== undefined && before !== value)
    io.say(`its former value is kept; to see it:\n  ${io.command('secrets', 'show', name, '--previous')}`)
}

/**
 * Opens all secrets, or only one, in $VISUAL or $EDITOR, in a file that is 0600, in memory where there is /dev/shm, and is wiped
 * afterwards. Throws ProvisionError when the editor fails or what it leaves cannot be stored; then nothing has changed.
 */
export async function editSecrets({ store }: Held, name: string | undefined, io: Pick<SecretsIo, 'say'>): Promise<void> {
  await store.open()
  const before = new Map(store.names().map((one) => [one, store.value(one)!]))
  const text = name === undefined ? formatSecrets(before) : `${before.get(name) ?? ''}\n`
  const edited = await inEditor(name === undefined ? 'secrets.yml' : 'secret', text)
  if (edited === text) return io.say('nothing has changed')
  const after =
    name === undefined
      ? parseSecrets(store.file, edited)
      : new Map([...before, ...parseSecrets(store.file, formatSecrets(new Map([[name, edited.replace(/\r?\n$/, '')]])))])
  // Only what was edited is put in: somebody else may have added to the store meanwhile.
  await store.update((fresh) => {
    const kept = [...fresh].filter(([one]) => after.has(one) || !before.has(one))
    return new Map([...kept, ...[...after].filter(([one, value]) => before.get(one) !== value)])
  }, io.say)
  const changed = [...after].filter(([one, value]) => before.get(one) !== value).map(([one]) => one)
  const gone = [...before.keys()].filter((one) => !after.has(one))
  io.say(
    [
      ...(changed.length > 0 ? [`stored ${changed.join(', ')}`] : []),
      ...(gone.length > 0 ? [`removed ${gone.join(', ')}`] : []),
    ].join('; '),
  )
}

const emptyFault = (value: string): string | undefined => (value === '' ? 'an empty value is not a secret' : undefined)

async function inEditor(file: string, text: string): Promise<string> {
  const editor = setting('VISUAL') ?? setting('EDITOR') ?? 'vi'
  const memory = await access('/dev/shm', constants.W_OK).then(
    () => true,
    () => false,
  )
  const dir = await mkdtemp(join(memory ? '/dev/shm' : tmpdir(), 'provision-'))
  const path = join(dir, file)
  // Ctrl-C belongs to the editor; and we must live to wipe what it leaves.
  const ignore = (): void => undefined
  for (const signal of signals) process.on(signal, ignore)
  try {
    await writeFile(path, text, { mode: 0o600, flag: 'wx' })
    // $EDITOR may have arguments: it is for the shell to take apart.
    const child = spawn('sh', ['-c', `${editor} "$1"`, 'sh', path], { stdio: 'inherit' })
    const [code] = (await once(child, 'exit')) as [number | null]
    if (code !== 0) throw new ProvisionError(editor, `the editor ended with exit code ${code}: nothing has changed`)
    return await readFile(path, 'utf8')
  } finally {
    await wipe(path)
    await rm(dir, { recursive: true, force: true })
    for (const signal of signals) process.off(signal, ignore)
  }
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Writes over what was there before it goes. What an editor copied elsewhere (backups, swap files) goes with the directory. */
async function wipe(path: string): Promise<void> {
  const handle = await open(path, 'r+').catch(() => undefined)
  if (handle === undefined) return
  const { size } = await handle.stat()
  await handle.write(Buffer.alloc(size), 0, size, 0)
  await handle.sync()
  await handle.close()
}
