import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const bin = fileURLToPath(new URL('../../../src/bin.js', import.meta.url))

test('arrival: a fault of the inventory is told at once, whatever the host does', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'arrival-test-'))
  const silent: Socket[] = []
  const host = createServer((socket) => void silent.push(socket))
  try {
    await new Promise<void>((resolve) => host.listen(0, '127.0.0.1', resolve))
    mkdirSync(join(folder, 'inventory'))
    mkdirSync(join(folder, '.ssh'), { mode: 0o700 })
    spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, '.ssh', 'id_ed25519')])
    writeFileSync(
      join(folder, 'inventory', 'x.yml'),
      'version: 1\nhostname: x.example.org\naddress: 192.0.2.1\nadmin:\n  user: somebody\nnonsense: 1\n',
    )
    const address = `127.0.0.1:${(host.address() as AddressInfo).port}`
    const env = { ...process.env, HOME: folder, SSH_AUTH_SOCK: '' }
    const began = performance.now()
    const child = spawn(process.execPath, [bin, '--host', 'x', '--check', '--address', address], { cwd: folder, env })
    let said = ''
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString()
    })
    const code = await new Promise((resolve) => child.on('close', resolve))
    assert.equal(code, 1)
    assert.match(said, /nonsense/)
    assert.ok(performance.now() - began < 10_000, 'it waited for the host, which says nothing for 20 s')
    assert.ok(silent.length > 0, 'the login had begun')
  } finally {
    for (const socket of silent) socket.destroy()
    host.close()
    rmSync(folder, { recursive: true, force: true })
  }
})
