import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { editSecrets, listSecrets, type SecretsIo, setSecret, showSecret } from '../../../src/commands/secrets.ts'
import type { Inventory } from '../../../src/inventory/inventory.ts'
import { bindSecrets } from '../../../src/inventory/inventory.ts'
import { secretPlaceholder } from '../../../src/inventory/schema/secret-field.ts'
import { Secret, secretsIn, secretText } from '../../../src/secret.ts'
import {
  type Contents,
  changed,
  formatContents,
  formatSecrets,
  parseContents,
  parseSecrets,
} from '../../../src/secrets/content.ts'
import { openStore } from '../../../src/secrets/store.ts'

/** A folder, and a home for the identity, so that nothing of the operator's is touched. */
function place(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'provision-test-'))
  const before = { ...process.env }
  t.after(() => {
    for (const name of ['XDG_CONFIG_HOME', 'PROVISION_IDENTITY', 'EDITOR', 'VISUAL'])
      if (before[name] === undefined) delete process.env[name]
      else process.env[name] = before[name]
  })
  process.env.XDG_CONFIG_HOME = join(dir, 'config')
  delete process.env.PROVISION_IDENTITY
  return dir
}

const password = secretPlaceholder('mail/bob@example.org', 'password')
const stampKey = secretPlaceholder('provision/stamp-key', 'key')
const consumer = secretPlaceholder('ovh/consumer-key')

test('secrets: what is missing is made up and stored before it is used', async (t) => {
  const dir = place(t)
  const said: string[] = []
  const store = openStore(dir, 'x')
  assert.deepEqual(await store.ensure([password, stampKey], (line) => said.push(line)), [password.name, stampKey.name])
  const value = store.value(password.name)
  assert.match(value ?? '', /^\w{5}-\w{5}-\w{5}-\w{5}$/)
  assert.match(store.value(stampKey.name) ?? '', /^[0-9a-f]{64}$/)
  assert.match(said.join('\n'), /keep a copy of it elsewhere/)

  const later = openStore(dir, 'x')
  assert.deepEqual(await later.ensure([password, stampKey]), [])
  assert.equal(later.value(password.name), value)
  assert.equal(statSync(store.file).mode & 0o777, 0o600)
  assert.equal(statSync(join(dir, 'config/provision/identity')).mode & 0o777, 0o600)
  assert.ok(!readFileSync(store.file, 'utf8').includes(value!))
  assert.deepEqual(readdirSync(dir).toSorted(), ['config', 'x.secrets.age'])
})

test('secrets: what only its owner can give is named, all of it, before anything is made up', async (t) => {
  const store = openStore(place(t), 'x')
  await assert.rejects(store.ensure([password, consumer, secretPlaceholder('ovh/application-key')]), {
    message: '2 secrets are missing that only you can give: ovh/consumer-key, ovh/application-key',
    hint: 'provision secrets set ovh/consumer-key --host x\nprovision secrets set ovh/application-key --host x',
  })
  assert.ok(!existsSync(store.file))
})

test('secrets: looking makes up nothing and writes nothing', async (t) => {
  const dir = place(t)
  const store = openStore(dir, 'x')
  const bound = bindSecrets({ deep: [password] }, store).deep[0]!
  await store.open()
  assert.equal(bound.known, false)
  assert.deepEqual(readdirSync(dir), [])
  await store.ensure([bound])
  assert.equal(bound.known, true)
  assert.equal(bound.reveal(), store.value(password.name))
})

test('secrets: a value before the store is open is a fault of ours', (t) => {
  assert.throws(() => openStore(place(t), 'x').value('a'), /is not open yet/)
})

test('secrets: an identity beside the inventory wins over $PROVISION_IDENTITY, and that over the one in the home', async (t) => {
  const dir = place(t)
  process.env.PROVISION_IDENTITY = join(dir, 'mine')
  await openStore(dir, 'x').ensure([password])
  assert.ok(existsSync(join(dir, 'mine')))
  writeFileSync(join(dir, 'identity'), readFileSync(join(dir, 'mine')), { mode: 0o600 })
  writeFileSync(join(dir, 'mine'), '', { mode: 0o600 })
  await openStore(dir, 'x').open()
})

const damages: Record<string, [damage: (dir: string, file: string) => void, said: RegExp]> = {
  'another identity': [
    (dir) => writeFileSync(join(dir, 'config/provision/identity'), `${otherIdentity}\n`),
    /was encrypted for another identity than that in .*identity$/,
  ],
  'a missing identity': [
    (dir) => (process.env.PROVISION_IDENTITY = join(dir, 'gone')),
    /the identity that opens it is missing: .*gone$/,
  ],
  'an identity that others can read': [
    (dir) => chmodSync(join(dir, 'config/provision/identity'), 0o644),
    /others may read the identity \(its mode is 0644\)/,
  ],
  'an identity file without one': [
    (dir) => writeFileSync(join(dir, 'config/provision/identity'), 'hello\n'),
    /there is no age identity in it/,
  ],
  'a byte that was changed': [
    (_, file) => {
      const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
      const line = lines.at(-3)!
      writeFileSync(file, lines.with(-3, (line.startsWith('A') ? 'B' : 'A') + line.slice(1)).join('\n'))
    },
    /it cannot be decrypted: /,
  ],
  'half of the file': [(_, file) => writeFileSync(file, readFileSync(file, 'utf8').slice(0, 200)), /it cannot be decrypted: /],
  'no age file at all': [(_, file) => writeFileSync(file, 'mail/bob: hunter2\n'), /it cannot be decrypted: /],
  'an empty file': [(_, file) => writeFileSync(file, ''), /it cannot be decrypted: /],
}

for (const [title, [damage, said]] of Object.entries(damages))
  test(`secrets: refused with its reason, and left alone: ${title}`, async (t) => {
    const dir = place(t)
    const store = openStore(dir, 'x')
    await store.ensure([password])
    damage(dir, store.file)
    const before = readFileSync(store.file)
    await assert.rejects(openStore(dir, 'x').open(), { name: 'ProvisionError', message: said })
    await assert.rejects(openStore(dir, 'x').ensure([stampKey]), { name: 'ProvisionError', message: said })
    assert.deepEqual(readFileSync(store.file), before)
  })

const otherIdentity = 'AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX'

test('secrets: what is inside is texts by name, and a fault in it shows no value', () => {
  const values = new Map([
    ['a', '007'],
    ['b', 'no: "quotes"\n'],
    ['c', '  spaces '],
    ['d', 'null'],
  ])
  assert.deepEqual(parseSecrets('f', formatSecrets(values)), values)
  assert.deepEqual(parseSecrets('f', ''), new Map())
  for (const text of ['- hunter2', 'a: {b: hunter2}', 'a: "hunter2', 'A b: hunter2', 'a: ""', 'hunter2'])
    assert.throws(
      () => parseSecrets('f', text),
      (error: Error) => error.name === 'ProvisionError' && !error.message.includes('hunter2'),
    )
})

test('secrets: of two writers at once none undoes the other’s', async (t) => {
  const dir = place(t)
  const all = Array.from({ length: 12 }, (_, i) => secretPlaceholder(`mail/${i}`, 'password'))
  await Promise.all(all.map((secret) => openStore(dir, 'x').ensure([secret])))
  const store = openStore(dir, 'x')
  await store.open()
  assert.equal(store.names().length, 12)
})

test('secrets: two that make up the same one agree on a value', async (t) => {
  const dir = place(t)
  const stores = [openStore(dir, 'x'), openStore(dir, 'x')]
  await Promise.all(stores.map((store) => store.ensure([password])))
  assert.equal(stores[0]?.value(password.name), stores[1]?.value(password.name))
})

test('secrets: the lock of a writer that died is no obstacle', async (t) => {
  const dir = place(t)
  const store = openStore(dir, 'x')
  writeFileSync(`${store.file}.lock`, '')
  utimesSync(`${store.file}.lock`, new Date(0), new Date(0))
  await store.ensure([password])
  assert.ok(!existsSync(`${store.file}.lock`))
})

test('secretsIn: finds them however deep, each name once, and those in a text', () => {
  const store = new Map([
    ['a', '1'],
    ['b', '2'],
  ])
  const [a, b] = ['a', 'b'].map((name) => new Secret(name, () => store.get(name), { madeAs: 'password' }))
  const text = secretText`${a!} and ${b!.map((value) => `<${value}>`)}`
  assert.equal(text.reveal(), '1 and <2>')
  assert.deepEqual(
    secretsIn({ content: text, list: [a, new Map([['x', a]])], n: 1 }).map(({ name }) => name),
    ['a', 'b'],
  )
  assert.deepEqual(
    secretsIn([text]).map(({ madeAs }) => madeAs),
    ['password', 'password'],
  )
  assert.deepEqual(secretsIn('a'), [])
})

/** The command's surroundings: what is typed, and what was printed. */
function talk(stdin: string, typed?: readonly string[]): SecretsIo & { readonly printed: string[]; readonly said: string[] } {
  const [printed, said, answers]: string[][] = [[], [], [...(typed ?? [])]]
  const stream = Object.assign(Readable.from([stdin]), typed === undefined ? {} : { isTTY: true })
  return {
    stdin: stream,
    out: (line) => void printed!.push(line),
    say: (line) => void said!.push(line),
    command: (...words) => `provision ${words.join(' ')}`,
    newValue: async () => answers!.shift() ?? '',
    printed: printed!,
    said: said!,
  }
}

const held = (dir: string): Pick<Inventory, 'server' | 'store'> => {
  const store = openStore(dir, 'x')
  // The commands look for secrets in it and at nothing else.
  return { store, server: bindSecrets({ password, consumer }, store) as unknown as Inventory['server'] }
}

test('secrets set: takes a value from stdin without its last newline, or typed', async (t) => {
  const dir = place(t)
  await setSecret(held(dir), 'ovh/consumer-key', talk("it's $secret \n"))
  const io = talk('', ['hunter2'])
  await setSecret(held(dir), 'other', io)
  assert.match(io.said.join('\n'), /nothing in the inventory refers to other so far/)
  await showSecret(held(dir), 'ovh/consumer-key', io)
  assert.deepEqual(io.printed, ["it's $secret "])
  for (const [name, one] of [
    ['a', talk('\n')],
    ['a', talk('x\0y')],
    ['A b', talk('x')],
  ] as const)
    await assert.rejects(setSecret(held(dir), name, one), { name: 'ProvisionError' })
  await assert.rejects(showSecret(held(dir), 'a', io), { message: 'it has no a; it has: other, ovh/consumer-key' })
})

test('secrets list: says how it stands with each, and shows no value', async (t) => {
  const dir = place(t)
  await setSecret(held(dir), 'other', talk('hunter2'))
  const io = talk('')
  await listSecrets(held(dir), io)
  assert.deepEqual(io.printed, [
    'mail/bob@example.org  missing: generated when it is needed',
    'other                 stored, but nothing refers to it',
    'ovh/consumer-key      missing: set it',
  ])
})

test('secrets edit: opens them in an editor, and leaves no trace of the text', async (t) => {
  const dir = place(t)
  await setSecret(held(dir), 'a', talk('one'))
  const script = join(dir, 'editor')
  const editor = (body: string) => {
    writeFileSync(script, `#!/bin/sh\nprintf '%s' "$2" > ${dir}/path\nstat -c %a "$2" > ${dir}/mode\n${body}\n`, { mode: 0o755 })
    process.env.VISUAL = `${script} -n`
  }
  editor('sed -i "s/one/two/" "$2"; echo "b: three" >> "$2"')
  const io = talk('')
  await editSecrets(held(dir), undefined, io)
  assert.deepEqual(io.said, ['stored a, b'])
  assert.equal(readFileSync(`${dir}/mode`, 'utf8'), '600\n')
  assert.ok(!existsSync(readFileSync(`${dir}/path`, 'utf8')))

  editor('echo four > "$2"')
  await editSecrets(held(dir), 'a', io)
  await showSecret(held(dir), 'a', io)
  assert.deepEqual(io.printed, ['four'])

  editor('exit 1')
  await assert.rejects(editSecrets(held(dir), undefined, io), /ended with exit code 1: nothing has changed/)
  editor('echo "a: [" > "$2"')
  await assert.rejects(editSecrets(held(dir), undefined, io), /is no YAML/)
  assert.ok(!existsSync(readFileSync(`${dir}/path`, 'utf8')))

  editor('echo "b: three" > "$2"')
  await editSecrets(held(dir), undefined, io)
  assert.equal(io.said.at(-1), 'removed a')
  await assert.rejects(showSecret(held(dir), 'a', io), /it has: b$/)
})

test('secrets: what one was before is kept, ten values of it at most, the last one first, and each once', () => {
  const empty: Contents = { values: new Map(), previous: new Map() }
  const after = (values: readonly string[]) => values.reduce((held, value) => changed(held, new Map([['a', value]])), empty)
  const history = (...values: readonly string[]) => after(values).previous.get('a') ?? []
  assert.deepEqual(history('1'), [])
  assert.deepEqual(history('1', '1'), [])
  assert.deepEqual(history('1', '2', '3'), ['2', '1'])
  assert.deepEqual(history('1', '2', '1'), ['2'])
  const many = after(Array.from({ length: 14 }, (_, i) => `${i + 1}`))
  assert.deepEqual(many.previous.get('a'), ['13', '12', '11', '10', '9', '8', '7', '6', '5', '4'])
  assert.deepEqual(parseContents('f', formatContents(many)), many)
  assert.deepEqual(changed(many, new Map()).previous.get('a')?.slice(0, 2), ['14', '13'])
})

test('secrets show --previous: shows what one was before, when it was removed too; no list and no editor shows it', async (t) => {
  const dir = place(t)
  for (const value of ['one', 'two', 'three']) await setSecret(held(dir), 'a', talk(value))
  const shown = async (previous: number) => {
    const io = talk('')
    await showSecret(held(dir), 'a', io, previous)
    return io.printed
  }
  assert.deepEqual([await shown(0), await shown(1), await shown(2)], [['three'], ['two'], ['one']])
  await assert.rejects(shown(3), { message: 'it keeps 2 former values of a' })
  await assert.rejects(showSecret(held(dir), 'b', talk(''), 1), { message: 'it keeps no former value of b' })
  await assert.rejects(setSecret(held(dir), 'previous/1/a', talk('x')), /the name of a former value/)
  const io = talk('')
  await listSecrets(held(dir), io)
  assert.deepEqual(io.printed, [
    'a                     stored, but nothing refers to it',
    'mail/bob@example.org  missing: generated when it is needed',
    'ovh/consumer-key      missing: set it',
  ])
  const script = join(dir, 'editor')
  writeFileSync(script, `#!/bin/sh\ncp "$1" ${dir}/seen\n: > "$1"\n`, { mode: 0o755 })
  process.env.VISUAL = script
  await editSecrets(held(dir), undefined, io)
  assert.equal(readFileSync(`${dir}/seen`, 'utf8'), 'a: three\n')
  assert.deepEqual(await shown(1), ['three'])
})
