import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fingerprint, parseLine, parsePrivate, toLine } from '../../../src/ssh/keys/public-key.ts'
import { endpointName, knownKeys, knownName, newLine } from '../../../src/ssh/trust/known-hosts.ts'
import { learn } from '../../../src/ssh/trust/known-hosts-file.ts'

const a = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl'
const b = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAZQQRStWwVwSHLzwr1rG5jm+mNjBxlFGnMYSGnlDMGD'
const key = parseLine(a)!

/** What GitHub publishes for its ed25519 host key: docs.github.com, “GitHub's SSH key fingerprints”. */
test('public-key: the fingerprint is the one that ssh-keygen shows', () => {
  assert.equal(fingerprint(key.blob), 'SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU')
})

const lines = {
  'a bare line': [a, true],
  'a line with a comment': [`${a} ann@laptop`, true],
  'a line with options': [`from="10.0.0.0/8",command="echo ssh-rsa" ${a} ann`, true],
  'a line whose type is not that of its blob': [a.replace('ed25519', 'rsa'), false],
  'no key': ['# nothing', false],
} as const

for (const [name, [line, found]] of Object.entries(lines))
  test(`public-key: ${name}`, () => assert.equal(parseLine(line) !== undefined && toLine(parseLine(line)!) === a, found))

test('public-key: a private key file says its public half, encrypted or not', () => {
  const dir = mkdtempSync(join(tmpdir(), 'provision-'))
  try {
    for (const passphrase of ['', 'open sesame']) {
      const file = join(dir, `key${passphrase.length}`)
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', passphrase, '-f', file])
      const found = parsePrivate(readFileSync(file, 'utf8'))
      assert.deepEqual(found?.blob, parseLine(readFileSync(`${file}.pub`, 'utf8'))?.blob)
      assert.equal(found?.encrypted, passphrase !== '')
    }
    assert.equal(parsePrivate('-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n'), undefined)
    assert.equal(parsePrivate('-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAA\n-----END'), undefined)
  } finally {
    rmSync(dir, { recursive: true })
  }
})

test('known-hosts: the name of a host says its port unless it is 22', () => {
  assert.equal(knownName('Example.ORG', 22), 'example.org')
  assert.equal(knownName('10.0.0.1', 55148), '[10.0.0.1]:55148')
  assert.equal(knownName('2001:db8::1', 22), '2001:db8::1')
  assert.equal(endpointName('2001:db8::1', 22), '[2001:db8::1]:22')
})

const names = {
  'its own name': ['example.org', 'example.org', true],
  'another name': ['example.org', 'example.com', false],
  'one of several': ['a.test,example.org,10.0.0.1', 'example.org', true],
  'a port': ['[10.0.0.1]:55148', '[10.0.0.1]:55148', true],
  'the port of another': ['[10.0.0.1]:55148', '10.0.0.1', false],
  'a wildcard': ['*.example.org', 'www.example.org', true],
  'a wildcard for one character': ['10.0.0.?', '10.0.0.7', true],
  'a dot is no wildcard': ['10.0.0.1', '10x0.0.1', false],
  'a negation': ['*.example.org,!www.example.org', 'www.example.org', false],
} as const

for (const [name, [pattern, host, found]] of Object.entries(names))
  test(`known-hosts: ${name}`, () => assert.equal(knownKeys(`${pattern} ${a}\n`, host).keys.length === 1, found))

test('known-hosts: names that ssh-keygen has hashed', () => {
  const dir = mkdtempSync(join(tmpdir(), 'provision-'))
  try {
    const file = join(dir, 'known_hosts')
    writeFileSync(file, `[10.0.0.1]:55148 ${a}\nexample.org ${b}\n`)
    execFileSync('ssh-keygen', ['-q', '-H', '-f', file], { stdio: 'ignore' })
    const text = readFileSync(file, 'utf8')
    assert.ok(!text.includes('example.org'))
    assert.deepEqual(knownKeys(text, '[10.0.0.1]:55148').keys, [{ ...key, line: 1 }])
    assert.equal(knownKeys(text, 'example.org').keys[0]?.line, 2)
    assert.equal(knownKeys(text, 'example.com').keys.length, 0)
    writeFileSync(file, text + newLine(text, 'example.com', key))
    assert.match(execFileSync('ssh-keygen', ['-F', 'example.com', '-f', file], { encoding: 'utf8' }), /found: line 3/)
  } finally {
    rmSync(dir, { recursive: true })
  }
})

test('known-hosts: markers, comments and what cannot be read stand for no key', () => {
  const text = `# example.org ${a}\n@revoked example.org ${a}\n@cert-authority * ${b}\nexample.org nonsense\n\nexample.org ${b} # why\n`
  const { keys, revoked, authorities } = knownKeys(text, 'example.org')
  assert.deepEqual(
    [keys, revoked, authorities].map((all) => all.map(({ line }) => line)),
    [[6], [2], [3]],
  )
})

test('known-hosts: a new line is hashed where all others are, and begins on a line of its own', () => {
  assert.equal(newLine('', 'example.org', key), `example.org ${a}\n`)
  assert.equal(newLine(`a.test ${b}`, 'example.org', key), `\nexample.org ${a}\n`)
  assert.match(newLine(`# all of them\n|1|x|y ${b}\n`, 'example.org', key), /^\|1\|\S+\|\S+ ssh-ed25519 /)
  assert.equal(newLine(`|1|x|y ${b}\na.test ${b}\n`, 'example.org', key), `example.org ${a}\n`)
})

test('known-hosts: a file that is not there is made with its folder, for nobody else; one that cannot be written is said', () => {
  const dir = mkdtempSync(join(tmpdir(), 'provision-'))
  try {
    const file = join(dir, '.ssh', 'known_hosts')
    assert.match(learn(file, 'example.org', key), /^example\.org is now in /)
    assert.deepEqual([statSync(file).mode & 0o777, statSync(join(dir, '.ssh')).mode & 0o777], [0o600, 0o700])
    assert.match(learn(join(file, 'below'), 'example.org', key), /could not be written/)
  } finally {
    rmSync(dir, { recursive: true })
  }
})
