import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { latest, older } from '../../../src/artifacts/latest.ts'

test('the older of two versions, part by part and not as text', () => {
  for (const [a, b] of [
    ['0.9.5', '0.10.0'],
    ['2.11.9', '2.12'],
    ['3.1', '3.1.1'],
    ['1.0', '2'],
  ] as const) {
    assert.ok(older(a, b), `${a} ${b}`)
    assert.ok(!older(b, a), `${b} ${a}`)
  }
  assert.ok(!older('1.2.3', '1.2.3'))
})

test('the latest release is where releases/latest leads; anything else is no answer', async () => {
  const server = createServer((request, response) => {
    if (request.url === '/foxcpp/maddy/releases/latest')
      response.writeHead(302, { location: 'https://elsewhere.example/foxcpp/maddy/releases/tag/v0.10.2' }).end()
    else if (request.url === '/caddyserver/caddy/releases/latest') response.writeHead(302, { location: '/login' }).end()
    else response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  try {
    assert.equal(await latest('maddy', base), '0.10.2')
    await assert.rejects(latest('caddy', base), /releases\/latest answers 302, and leads to no release/)
    await assert.rejects(latest('nebula', base), /answers 404/)
  } finally {
    server.close()
  }
  await assert.rejects(latest('maddy', base), /cannot be asked: /)
})
