import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { caddyfile } from '../../files/etc/caddy/Caddyfile.ts'
import { artifactSource, openLock } from '../../src/artifacts/artifacts.ts'
import { until } from '../../src/rehearsal/local.ts'
import { referenceServer } from '../support/reference.ts'

/** What the real Caddy serves of a folder, with our configuration, on the loopback of this machine. */

const dir = mkdtempSync(join(tmpdir(), 'provision-served-'))
const root = join(dir, 'www')
const secret = '<?php $password = "hunter2";'
let stop = (): void => undefined
const sites = { plain: 0, php: 0 }

before(async () => {
  sites.plain = await freePort()
  sites.php = await freePort()
  const { artifacts } = referenceServer()
  const source = artifactSource(
    { ...artifacts, caddy: { ...artifacts.caddy, source: 'build' } },
    { lock: await openLock(dir, { embedded: true }) },
  )
  const { path } = await source.obtain('caddy', process.arch === 'arm64' ? 'arm64' : 'amd64')
  const php = { socket: join(dir, 'nobody.sock'), upload: '1M' }
  const text = caddyfile({
    directory: 'https://ca.invalid',
    mail: [],
    sites: [
      { names: [`http://127.0.0.1:${sites.plain}`], root },
      { names: [`http://127.0.0.1:${sites.php}`], root, php },
    ],
  }).replace('admin unix//run/caddy/admin.sock', 'admin off')
  assert.match(text, /admin off/)
  writeFileSync(join(dir, 'Caddyfile'), text)
  const child = spawn(path, ['run', '--adapter', 'caddyfile', '--config', join(dir, 'Caddyfile')], {
    env: { ...process.env, HOME: dir, XDG_DATA_HOME: dir, XDG_CONFIG_HOME: dir },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  stop = () => void child.kill('SIGKILL')
  put('index.html', 'here')
  await until({ where: 'caddy', what: 'an answer', limit: 20_000, evidence: () => said }, async () =>
    (await get('plain', '/').catch(() => undefined))?.status === 200 ? true : undefined,
  )
})

after(() => {
  stop()
  rmSync(dir, { recursive: true, force: true })
})

/** What a program's folder has in it that is for nobody's eyes. */
const programs = [
  ...[
    'config.php',
    'CONFIG.PHP',
    'a/b/config.php',
    'x.php5',
    'x.php7',
    'x.phps',
    'x.pht',
    'x.phtml',
    'x.phar',
    'db.inc',
    'db.inc.txt',
  ],
  ...[
    'config.php~',
    'config.php.bak',
    'config.php.save',
    'config.php.1',
    'config.php_old',
    'config.php-dist',
    'config.php.txt',
    'config.php.',
  ],
  ...[
    'notes~',
    'site.bak',
    'site.old',
    'site.orig',
    'x.swp',
    'page.twig',
    'page.tpl',
    'php.ini',
    'dump.sql',
    'dump.sql.gz',
    'blog.sqlite',
  ],
  ...['composer.json', 'composer.lock', 'auth.json', 'web.config'],
  ...[
    '.env',
    '.env.php',
    '.git/config',
    '.htpasswd',
    '.config.php.swp',
    '.well-known/.git/config',
    '.well-known/config.php',
    'a/.hidden/x',
  ],
]

/** What is a page or a picture, whatever its name resembles. */
const pages = [
  ...[
    'index.html',
    'a.txt',
    'photo.jpg',
    'phplogo.png',
    'archive.zip',
    'info.json',
    'incoming/x.txt',
    'saved.php.html',
    'old.txt',
    'sql.txt',
  ],
  ...['.well-known/security.txt', '.well-known/a/b'],
]

test('Caddy: no program text is served, by any address of it, where the site has no PHP', async () => {
  for (const name of programs) put(name, secret)
  for (const name of programs) for (const path of spellings(name)) await refused('plain', path)
})

test('Caddy: nor where it has PHP, which alone is asked for what is to be run', async () => {
  for (const name of programs) for (const path of spellings(name)) await refused('php', path)
  assert.equal((await get('php', '/config.php')).status, 502)
  assert.equal((await get('php', '/uploads/config.php')).status, 404)
  assert.equal((await get('php', '/config.php.bak')).status, 404)
})

test('Caddy: what is no program is served', async () => {
  for (const name of pages) put(name, `of ${name}`)
  for (const name of pages)
    for (const site of ['plain', 'php'] as const) {
      if (site === 'php' && name === 'index.html') continue
      const path = name === 'index.html' ? '/' : `/${name}`
      assert.deepEqual(await get(site, path), { status: 200, body: `of ${name}` }, `${site} ${path}`)
    }
})

async function refused(site: keyof typeof sites, path: string): Promise<void> {
  const { status, body } = await get(site, path)
  assert.ok(!body.includes('hunter2') && status >= 400, `${site} ${path}: ${status} ${body}`)
}

/** An address that some servers take for the same file. */
const spellings = (name: string): readonly string[] => [
  `/${name}`,
  `/${name}/`,
  `//${name}`,
  `/${name}?x=.html`,
  `/x/../${name}`,
  `/${name.replace('.', '%2e')}`,
  `/${name.replaceAll('/', '%2f')}`,
  `/${name}/x.html`,
  `/${name}%00.html`,
  `/${name}%20`,
]

function put(name: string, content: string): void {
  mkdirSync(dirname(join(root, name)), { recursive: true })
  writeFileSync(join(root, name), content)
}

function get(site: keyof typeof sites, path: string): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    // Node's own URL would tidy the path up.
    const asked = request({ host: '127.0.0.1', port: sites[site], path, agent: false }, (answer) => {
      let body = ''
      answer.setEncoding('utf8').on('data', (text: string) => {
        body += text
      })
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body }))
    })
    asked.on('error', reject).end()
  })
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject).listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
