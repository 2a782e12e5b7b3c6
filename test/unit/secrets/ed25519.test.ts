import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { newKey, publicLine } from '../../../src/secrets/ed25519.ts'

test('ed25519: a key that is made up is one to OpenSSH: it reads it, agrees on its public half, and signs with it', () => {
  const dir = mkdtempSync(join(tmpdir(), 'ed25519-test-'))
  try {
    for (let i = 0; i < 5; i++) {
      const [file, text] = [join(dir, `key${i}`), newKey()]
      writeFileSync(file, text, { mode: 0o600 })
      assert.equal(execFileSync('ssh-keygen', ['-y', '-f', file], { encoding: 'utf8' }).trim(), publicLine(text, ''))
      const { status, stderr } = spawnSync('ssh-keygen', ['-q', '-Y', 'sign', '-f', file, '-n', 'test', join(dir, `key${i}`)])
      assert.equal(status, 0, String(stderr))
    }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})

test('ed25519: no two are the same, and what is no key has no public half', () => {
  assert.notEqual(newKey(), newKey())
  assert.equal(publicLine('-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n', ''), undefined)
})
