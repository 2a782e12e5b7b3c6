import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { sh } from '../../src/sh.ts'
import { backScript } from '../../src/upgrade/back.ts'

const root = mkdtempSync(join(tmpdir(), 'provision-upgrade-'))
after(() => rmSync(root, { recursive: true, force: true }))
const at = (...path: readonly string[]) => join(root, ...path)
const saved = at('provision', 'upgrade', 'maddy')
const recipe = { unit: 'maddy.service', path: at('bin', 'maddy') as `/${string}`, state: at('state') as `/${string}` } as const

/** Programs that change something are counted, and what is at work is killed when its turn comes, before or after it. */
const counted = ['mv', 'cp', 'rm', 'head']
mkdirSync(at('shims'))
for (const name of ['systemctl', 'systemd-run', 'nft', 'sync']) writeFileSync(at('shims', name), '#!/bin/sh\n', { mode: 0o755 })
for (const name of counted)
  writeFileSync(
    at('shims', name),
    `#!/bin/sh
turn=$(($(cat ${at('turn')}) + 1))
echo $turn > ${at('turn')}
group=$(cut -d ' ' -f 5 /proc/$$/stat)
if [ $turn = "$BEFORE" ] || [ $turn = "$AFTER" ]; then : > ${at('killed')}; fi
if [ $turn = "$BEFORE" ]; then kill -9 -- -$group; fi
/usr/bin/${name} "$@"; code=$?
if [ $turn = "$AFTER" ]; then kill -9 -- -$group; fi
exit $code
`,
    { mode: 0o755 },
  )

/** A host that was switched off while a new program was at work, and had spoilt what the old one keeps. */
function cutOff(): void {
  for (const path of ['provision', 'bin', 'state', 'state.failed']) rmSync(at(path), { recursive: true, force: true })
  for (const path of [at('provision', 'artifact'), join(saved, 'state', 'messages'), at('bin'), at('state')])
    mkdirSync(path, { recursive: true })
  const files = {
    [recipe.path]: 'new',
    [at('state', 'spoilt')]: 'new',
    [join(saved, 'state', 'messages', '1')]: 'mail',
    [join(saved, 'program')]: 'old',
    [join(saved, 'stamp')]: 'origin\ndigest\nlook\n',
    [join(saved, 'complete')]: '',
    [join(saved, 'back.sh')]: backScript('maddy', recipe, sh`:`).text,
  }
  for (const [path, content] of Object.entries(files)) writeFileSync(path, content)
}

/** Whether it came to its end. */
function back(env: NodeJS.ProcessEnv = {}): boolean {
  writeFileSync(at('turn'), '0\n')
  rmSync(at('killed'), { force: true })
  const { status } = spawnSync('setsid', ['-w', 'sh', join(saved, 'back.sh'), 'boot'], {
    env: { PATH: `${at('shims')}:${process.env.PATH}`, ...env },
  })
  return status === 0 && !existsSync(at('killed'))
}

function assertBack(): void {
  assert.equal(readFileSync(recipe.path, 'utf8'), 'old')
  assert.deepEqual(readdirSync(at('state'), { recursive: true }).toSorted(), ['messages', 'messages/1'])
  assert.match(readFileSync(at('provision', 'artifact', 'maddy'), 'utf8'), /^origin\ndigest\n[0-9a-f]{64} /)
  assert.deepEqual([saved, at('state.failed'), at('provision', 'upgrade.done')].filter(existsSync), [])
}

test('upgrade: a host that was cut off goes back, with the program and all that it kept', () => {
  cutOff()
  assert.ok(back())
  assertBack()
})

test('upgrade: where not everything was saved yet, nothing is touched', () => {
  cutOff()
  rmSync(join(saved, 'complete'))
  assert.ok(back())
  assert.equal(readFileSync(recipe.path, 'utf8'), 'new')
  assert.deepEqual(readdirSync(at('state')), ['spoilt'])
  assert.ok(!existsSync(saved))
})

for (const when of ['BEFORE', 'AFTER'] as const) {
  test(`upgrade: cut off on the way back, ${when.toLowerCase()} each thing that it does, it goes on the next time`, () => {
    let turn = 1
    for (; ; turn++) {
      cutOff()
      if (back({ [when]: String(turn) })) break
      // As a daemon does that starts without its files.
      if (!existsSync(at('state'))) mkdirSync(at('state', 'new'), { recursive: true })
      if (existsSync(saved)) {
        assert.ok(back(), `turn ${turn}`)
        assertBack()
      } else assert.equal(readFileSync(recipe.path, 'utf8'), 'old', `turn ${turn}`)
    }
    assert.ok(turn > 8, `only ${turn} turns`)
  })
}
