import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createPublicKey } from 'node:crypto'
import {
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { step } from '../../src/engine/step.ts'
import { directory } from '../../src/kinds/files/directory.ts'
import { privateKey } from '../../src/kinds/files/private-key.ts'
import { converge, localShell } from '../support/local-shell.ts'

const dir = mkdtempSync(join(tmpdir(), 'private-key-')) as `/${string}`
after(() => rmSync(dir, { recursive: true }))
const shell = localShell(join(dir, 'state'))
const owner = userInfo().username
const dkim = { path: `${dir}/a.example_s1.key`, record: `${dir}/a.example_s1.dns`, type: 'rsa', owner } as const
const made = (one: Parameters<typeof privateKey>[0]) => converge(shell, step('Make it', [privateKey(one)]))

test('private-key: one for DKIM is as maddy writes it, its record too, and a second time nothing is done', async () => {
  assert.equal((await made(dkim)).length, 1)
  const key = readFileSync(dkim.path, 'utf8')
  assert.match(key, /^-----BEGIN PRIVATE KEY-----\n/)
  assert.equal(statSync(dkim.path).mode & 0o777, 0o600)
  const spki = createPublicKey(key)
  assert.equal(spki.asymmetricKeyDetails?.modulusLength, 2048)
  const p = spki.export({ type: 'spki', format: 'der' }).toString('base64')
  assert.equal(readFileSync(dkim.record, 'utf8'), `v=DKIM1; k=rsa; p=${p}`)
  assert.deepEqual(await made(dkim), [])
  assert.deepEqual(
    readdirSync(dir)
      .filter((name) => name !== 'state')
      .toSorted(),
    ['a.example_s1.dns', 'a.example_s1.key'],
  )
})

test('private-key: a record that was lost is made from the key, which stays', async () => {
  const key = readFileSync(dkim.path, 'utf8')
  const record = readFileSync(dkim.record, 'utf8')
  writeFileSync(dkim.record, 'v=DKIM1; k=rsa; p=AAAA')
  assert.deepEqual(
    (await made(dkim)).flatMap(({ changes }) => changes),
    [{ field: 'record', from: 'another', to: 'its own' }],
  )
  assert.deepEqual([readFileSync(dkim.path, 'utf8'), readFileSync(dkim.record, 'utf8')], [key, record])
})

test('private-key: what is there and is no key is not made anew', async () => {
  const path = `${dir}/b.example_s1.key` as const
  writeFileSync(path, 'not a key\n', { mode: 0o600 })
  await assert.rejects(made({ ...dkim, path, record: `${dir}/b.example_s1.dns` }), /private-key:.*b\.example_s1\.key failed/)
  assert.equal(readFileSync(path, 'utf8'), 'not a key\n')
})

test('private-key: one of a certificate is on P-384; one that is there is taken over', async () => {
  const path = `${dir}/mx_k1.pem` as const
  await made({ path, type: 'ec', owner })
  assert.match(execFileSync('openssl', ['pkey', '-in', path, '-noout', '-text'], { encoding: 'utf8' }), /NIST CURVE: P-384/)
  const copy = `${dir}/mx_default.pem` as const
  await made({ path: copy, type: 'ec', owner, from: path })
  assert.equal(readFileSync(copy, 'utf8'), readFileSync(path, 'utf8'))
})

test('private-key: one that is to go is gone, with its record', async () => {
  await made({ ...dkim, absent: true })
  assert.deepEqual([existsSync(dkim.path), existsSync(dkim.record)], [false, false])
  assert.deepEqual(await made({ ...dkim, absent: true }), [])
})

test('private-key: a link in its place is refused, and what it leads to is not touched', async () => {
  const target = `${dir}/shadow`
  writeFileSync(target, 'root:x\n', { mode: 0o640 })
  const path = `${dir}/c.example_s1.key` as const
  symlinkSync(target, path)
  await assert.rejects(made({ ...dkim, path, record: `${dir}/c.example_s1.dns` }), /is a link to .*shadow, and a key is a file/)
  assert.equal(readFileSync(target, 'utf8'), 'root:x\n')
  assert.equal(statSync(target).mode & 0o777, 0o640)
})

const asRoot = { skip: process.getuid?.() === 0 ? false : 'only root has other users' }
// Debian has it, with a group of its own.
const user = 'www-data'
const uid = Number(execFileSync('id', ['-u', user], { encoding: 'utf8' }))

test(
  'private-key: in a folder of its owner it is made with the owner’s rights, and a link of theirs leads nowhere',
  asRoot,
  async () => {
    const theirs = mkdtempSync(join(tmpdir(), 'private-key-theirs-')) as `/${string}`
    const outside = mkdtempSync(join(tmpdir(), 'private-key-roots-')) as `/${string}`
    try {
      chownSync(theirs, uid, uid)
      const group = execFileSync('id', ['-gn', 'nobody'], { encoding: 'utf8' }).trim()
      execFileSync('sh', ['-c', 'getent group nobody >/dev/null || groupadd nobody'])
      assert.ok(group)
      const path = `${theirs}/a.key` as const
      await made({ path, type: 'ec', owner: user })
      assert.deepEqual([statSync(path).uid, statSync(path).mode & 0o777], [uid, 0o600])
      execFileSync('runuser', ['-u', user, '--', 'ln', '-s', outside, `${theirs}/keys`])
      await assert.rejects(
        made({ path: `${theirs}/keys/b.key`, type: 'ec', owner: user }),
        /keys is a link to .* that www-data made, and root follows no link of others/,
      )
      assert.deepEqual(readdirSync(outside), [])
    } finally {
      for (const one of [theirs, outside]) rmSync(one, { recursive: true })
    }
  },
)

test('directory: one that root has moved elsewhere is looked at there; a link of another is refused', asRoot, async () => {
  const theirs = mkdtempSync(join(tmpdir(), 'directory-theirs-')) as `/${string}`
  const roots = mkdtempSync(join(tmpdir(), 'directory-roots-')) as `/${string}`
  try {
    chownSync(theirs, uid, uid)
    mkdirSync(`${roots}/moved`, { mode: 0o700 })
    symlinkSync(`${roots}/moved`, `${roots}/site`)
    const one = step('Make it', [directory({ path: `${roots}/site`, mode: '0755' })])
    await converge(shell, one)
    assert.equal(statSync(`${roots}/moved`).mode & 0o777, 0o755)
    assert.ok(lstatSync(`${roots}/site`).isSymbolicLink())
    assert.deepEqual(await converge(shell, one), [])
    execFileSync('runuser', ['-u', user, '--', 'ln', '-s', `${roots}/moved`, `${theirs}/site`])
    await assert.rejects(
      converge(shell, step('Make it', [directory({ path: `${theirs}/site`, owner: user })])),
      /site is a link to .* that www-data made/,
    )
    assert.equal(statSync(`${roots}/moved`).uid, 0)
  } finally {
    for (const each of [theirs, roots]) rmSync(each, { recursive: true })
  }
})
