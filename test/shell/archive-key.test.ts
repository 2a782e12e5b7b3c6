import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { lookAtStep } from '../../src/engine/converge.ts'
import { step } from '../../src/engine/step.ts'
import { archiveKey } from '../../src/kinds/packages/archive-key.ts'
import { converge, localShell } from '../support/local-shell.ts'

const root = mkdtempSync(join(tmpdir(), 'provision-key-'))
after(() => rmSync(root, { recursive: true, force: true }))
const shell = localShell(join(root, 'state'))
const have = (program: string) => process.env.PATH!.split(':').some((folder) => existsSync(join(folder, program)))
const skip = have('gpg') && have('curl') && process.getuid?.() === 0 ? false : 'needs gpg, curl and root'

/** Makes a key, and answers its fingerprint and what its owner publishes. */
function makeKey(name: string, ends = '0'): { readonly fingerprint: string; readonly published: Buffer } {
  const home = join(root, name)
  mkdirSync(home, { mode: 0o700 })
  const gpg = (...args: readonly string[]) =>
    execFileSync('gpg', ['--homedir', home, '--batch', '--quiet', ...args], { stdio: ['ignore', 'pipe', 'ignore'] })
  gpg('--passphrase', '', '--quick-generate-key', name, 'ed25519', 'sign', ends)
  const fingerprint = /^fpr:+([0-9A-F]{40}):$/m.exec(gpg('--with-colons', '--list-keys').toString())![1]!
  const published = gpg('--armor', '--export')
  execFileSync('gpgconf', ['--homedir', home, '--kill', 'all'])
  return { fingerprint, published }
}

const shown = (path: string) =>
  execFileSync('gpg', ['--homedir', root, '--with-colons', '--show-keys', path], {
    stdio: ['ignore', 'pipe', 'ignore'],
  }).toString()
const key = (fingerprint: string) =>
  step('Take the key', [
    archiveKey({ path: `${root}/keyring.gpg` as `/${string}`, url: `file://${root}/published`, fingerprint }),
  ])

test('archive-key: fetched, believed by its fingerprint alone, and the only one in the keyring; a hand edit is corrected', {
  skip,
}, async () => {
  const [ours, other] = [makeKey('ours'), makeKey('other')]
  writeFileSync(join(root, 'published'), Buffer.concat([other.published, ours.published]))
  assert.equal((await converge(shell, key(ours.fingerprint))).length, 1)
  assert.deepEqual(await converge(shell, key(ours.fingerprint)), [])
  assert.match(shown(join(root, 'keyring.gpg')), new RegExp(ours.fingerprint))
  assert.doesNotMatch(shown(join(root, 'keyring.gpg')), new RegExp(other.fingerprint))
  writeFileSync(join(root, 'keyring.gpg'), other.published)
  chmodSync(join(root, 'keyring.gpg'), 0o666)
  const [drift] = await converge(shell, key(ours.fingerprint))
  assert.deepEqual(
    drift?.changes.map(({ field }) => field),
    ['fingerprint', 'mode'],
  )
  assert.deepEqual(await converge(shell, key(ours.fingerprint)), [])
})

test('archive-key: another key at that address is refused by name, and so is an address that does not answer; what is there stays', {
  skip,
}, async () => {
  const before = readFileSync(join(root, 'keyring.gpg'))
  const wanted = 'A'.repeat(40)
  await assert.rejects(converge(shell, key(wanted)), /there is not the key A{40}, but: [0-9A-F]{40} [0-9A-F]{40}/)
  writeFileSync(join(root, 'published'), '<html>not found</html>')
  await assert.rejects(converge(shell, key(wanted)), /there is not the key A{40}, but: no key$/)
  rmSync(join(root, 'published'))
  await assert.rejects(converge(shell, key(wanted)), /curl: .*file:\/\/.*published could not be fetched/s)
  assert.deepEqual(readFileSync(join(root, 'keyring.gpg')), before)
  assert.deepEqual(
    readdirSync(root).filter((name) => name.startsWith('.') && name.includes('provision')),
    [],
  )
})

test('archive-key: a key that ends soon is told', { skip }, async () => {
  const soon = makeKey('soon', '7d')
  writeFileSync(join(root, 'published'), soon.published)
  await converge(shell, key(soon.fingerprint))
  const { drift, notes } = await lookAtStep(shell, key(soon.fingerprint))
  assert.deepEqual(drift, [])
  assert.match(notes[0]?.why ?? '', /^ends on \d{4}-\d\d-\d\d, and with it the updates it signs: remove \/.*keyring\.gpg/)
})
