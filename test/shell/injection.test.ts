import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import fc from 'fast-check'
import { Server } from '../../src/inventory/inventory.ts'
import { example } from '../support/arbitrary.ts'
import { attacked, attacks, open } from '../support/hostile.ts'
import { known, referencePlaybooks } from '../support/reference.ts'
import { scriptFiles, scriptsOf } from '../support/scripts.ts'

/** Every script that an inventory ever makes, on the host or for it. */
function scripts(raw: unknown, secret: (name: string) => string): readonly string[] {
  const server = known(Server.parse(raw), secret) as Server
  const steps = referencePlaybooks(server).flatMap((one) => one.steps)
  return [...steps.flatMap(scriptsOf).map(({ text }) => text), ...steps.flatMap(scriptFiles).map(({ content }) => content)]
}

/** Code without what stands in single quotes, comments included: what sh would run. Within double quotes $( … ) is code again. */
function code(script: string): string {
  let at = 0
  const until = (end: string): string => {
    let out = ''
    let word = true
    for (; at < script.length; at++) {
      const c = script[at]!
      if (c === end) return out
      if (c === '\\') out += c + (script[++at] ?? '')
      else if (c === '#' && word) at = (script.indexOf('\n', at) + script.length) % script.length
      else if (c === "'") {
        at = script.indexOf("'", at + 1)
        out += "''"
      } else if (c === '"') {
        at++
        out += `"${text()}"`
      } else if (script.startsWith('$(', at)) {
        at += 2
        out += `$(${until(')')})`
      } else if (c === '(') {
        at++
        out += `(${until(')')})`
      } else out += c
      word = /[\s;&|(]/.test(script[at] ?? '')
    }
    return out
  }
  const text = (): string => {
    let out = ''
    for (; script[at] !== '"' && at < script.length; at++) {
      if (script[at] === '\\') out += script[at++]! + script[at]
      else if (script.startsWith('$(', at)) {
        at += 2
        out += `$(${until(')')})`
      } else out += script[at]
    }
    return out
  }
  // A quote within quotes is written '\\'': what stands around it is one word.
  return until('').replaceAll(/''(?:\\''')+/g, "''")
}

test('no value of an inventory, and no secret, is code in any script: only what stands in quotes changes', () => {
  for (const place of ['provider', 'admin.keys.0', 'motd.lines.0', 'sites.0.note']) assert.ok(open.includes(place), place)
  const expected = scripts(example, () => 'harmless').map(code)
  fc.assert(
    fc.property(attacked, fc.constantFrom(...attacks), (raw, secret) => {
      const seen = scripts(raw, () => secret).map(code)
      const other = seen.findIndex((one, i) => one !== expected[i])
      assert.equal(seen[other], expected[other])
      assert.equal(seen.length, expected.length)
    }),
    { numRuns: 60 },
  )
})

test('no value of an inventory, and no secret, keeps dash from reading a script to its end', () => {
  fc.assert(
    fc.property(attacked, fc.constantFrom(...attacks), (raw, secret) => {
      for (const script of scripts(raw, () => secret))
        assert.equal(spawnSync('dash', ['-n'], { input: script, encoding: 'utf8' }).stderr, '')
    }),
    { numRuns: 5 },
  )
})
