import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createPublicKey } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { privateKey } from '../../src/kinds/private-key.ts'
import { step } from '../../src/step.ts'
import { converge, localShell } from '../local-shell.ts'

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
