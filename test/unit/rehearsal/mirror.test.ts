import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mirrorOf } from '../../../src/rehearsal/image/mirror.ts'

const bookworm = ['bookworm', 'bookworm-updates'].map((suite) => `http://mirror.example/debian/ ${suite} main`).join('\n')

test('mirror: a Debian 12 gets the sources of this machine', () => {
  const { sources, upstream } = mirrorOf(`${bookworm}\nhttp://mirror.example/debian-security/ bookworm-security main\n`, '')
  assert.deepEqual(sources, [
    'deb http://mirror.example/debian bookworm main',
    'deb http://mirror.example/debian bookworm-updates main',
    'deb http://mirror.example/debian-security bookworm-security main',
  ])
  assert.deepEqual(Object.keys(upstream), ['http://mirror.example/debian/', 'http://mirror.example/debian-security/'])
})

test('mirror: https is spoken by the cache, not by the machines', () => {
  const { sources, upstream } = mirrorOf('https://mirror.example/debian/ trixie main\n', '')
  assert.equal(sources[0], 'deb http://mirror.example/debian bookworm main')
  assert.equal(upstream['http://mirror.example/debian/'], 'https://mirror.example/debian/')
})

test('mirror: others that use the code name are not taken for Debian', () => {
  const others = 'https://packages.example/php/ bookworm main\nhttps://get.example/linux/debian/ bookworm stable\n'
  assert.equal(mirrorOf(`${others}${bookworm}\n`, '').sources[0], 'deb http://mirror.example/debian bookworm main')
  assert.throws(() => mirrorOf(others, ''), /no source of Debian packages/)
})

test('mirror: what a snapshot needs of apt, and a proxy, are taken over', () => {
  const { options, proxy } = mirrorOf(
    `${bookworm}\n`,
    'Acquire::Check-Valid-Until "false";\nAcquire::http::Proxy "http://proxy.example:3128";\n',
  )
  assert.deepEqual([options, proxy], [['Acquire::Check-Valid-Until "false";'], 'http://proxy.example:3128'])
})
