import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { Secret, secretText } from '../../src/secret.ts'
import { redact, sh } from '../../src/sh.ts'

const dash = (script: string) => execFileSync('dash', ['-s'], { input: script, encoding: 'utf8' })
const password = new Secret('mail/a', () => "pa'ss $word")

test('sh: any value reaches dash as the one word that it is', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.string({ unit: 'binary' }).filter((s) => !s.includes('\0')),
        { minLength: 1, maxLength: 20 },
      ),
      (values) => {
        const printed = dash(sh`for v in ${values}; do printf '%s\036' "$v"; done`.text)
        assert.deepEqual(
          printed.split('\x1e').slice(0, -1),
          values.map((value) => Buffer.from(value).toString()),
        )
      },
    ),
    { numRuns: 60 },
  )
})

test('sh: what looks like code is text', () => {
  assert.equal(dash(sh`printf %s ${"'; touch /pwned; '"}`.text), "'; touch /pwned; '")
  assert.equal(dash(sh`printf %s ${'$(id) `id` \\ "'}`.text), '$(id) `id` \\ "')
})

test('sh: backslashes stay, and a shell brace is written with one', () => {
  assert.equal(sh`printf 'a\n' \${x}`.text, "printf 'a\\n' ${x}")
})

test('sh: pieces join by line, words by space, nothing is nothing', () => {
  assert.equal(sh`${[sh`a`, sh`b`]}`.text, 'a\nb')
  assert.equal(sh`x ${['a b', 1]}`.text, "x 'a b' '1'")
  assert.equal(sh`x ${[]}`.text, 'x ')
})

test('sh: a NUL is refused', () => {
  assert.throws(() => sh`printf ${'a\0b'}`, /NUL/)
})

test('sh: a secret is run, and shown nowhere', () => {
  const script = sh`printf %s ${password}`
  assert.equal(dash(script.text), "pa'ss $word")
  assert.equal(script.shown, "printf %s '(secret)'")
  assert.equal(redact("login failed for pa'ss $word", script), 'login failed for (secret)')
})

test('secret: no way of printing it by accident shows it', () => {
  for (const shown of [
    `${password}`,
    String(password),
    JSON.stringify({ password }),
    inspect({ password }),
    inspect(password, { showHidden: true }),
  ]) {
    assert.doesNotMatch(shown, /pa'ss/)
  }
})

test('secretText: a text with a secret in it is a secret as a whole', () => {
  const text = secretText`password ${password}\n`
  assert.equal(text.reveal(), "password pa'ss $word\n")
  assert.doesNotMatch(inspect(text), /pa'ss/)
  assert.equal(secretText`x ${new Secret('b', () => undefined)}`.known, false)
})
