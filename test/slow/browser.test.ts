import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Browser, chromium } from 'playwright-core'
import { $ } from 'zx'
import { answered } from '../../src/rehearsal/proof/web.ts'
import { sh } from '../../src/sh.ts'
import { type Installed, install } from '../support/install.ts'

// What people see: every site of the reference server, in Debian's Chromium, which trusts the rehearsal's CA and no other way around.
let it: Installed
let home: string
let browser: Browser

before(async () => {
  const quiet = $({ quiet: true })
  const missing = { chromium: 'chromium', certutil: 'libnss3-tools' }
  const packages = (await quiet`for name in ${Object.keys(missing)}; do command -v $name >/dev/null || echo $name; done`).stdout
  const wanted = Object.entries(missing).flatMap(([program, name]) => (packages.includes(program) ? [name] : []))
  if (wanted.length > 0) {
    process.stderr.write(`installing ${wanted.join(', ')} on this machine\n`)
    await quiet`apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ${wanted} </dev/null`
  }
  it = await install('e2e-browser')
  home = mkdtempSync(join(tmpdir(), 'browser-test-'))
  const trusted = join(home, '.pki/nssdb')
  mkdirSync(trusted, { recursive: true })
  await quiet`certutil -d ${`sql:${trusted}`} -N --empty-password`
  const bundle =
    readFileSync(it.rehearsal.caBundle, 'utf8').match(/-----BEGIN CERTIFICATE[\s\S]*?-----END CERTIFICATE-----/g) ?? []
  for (const [i, pem] of bundle.entries()) {
    writeFileSync(join(home, `${i}.pem`), `${pem}\n`)
    await quiet`certutil -d ${`sql:${trusted}`} -A -t C,, -n ${`rehearsal ${i}`} -i ${join(home, `${i}.pem`)}`
  }
  const { sites, domains } = it.inventory.server
  const names = [
    ...sites.flatMap(({ domain, aliases }) => [domain, ...aliases]),
    ...domains.map(({ name }) => `autoconfig.${name}`),
  ]
  const rules = [...names.map((name) => `MAP ${name} ${it.host.address}`), 'MAP * ~NOTFOUND'].join(', ')
  browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    env: { ...process.env, HOME: home },
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-quic',
      `--host-resolver-rules=${rules}`,
    ],
  })
})

after(async () => {
  await browser?.close()
  if (home !== undefined) rmSync(home, { recursive: true, force: true })
  await it?.stop()
})

type Login = { readonly username: string; readonly password: string } | undefined

/** A page as somebody sees it who has just opened a browser. */
async function seen(url: string, login: Login) {
  const context = await browser.newContext(login === undefined ? {} : { httpCredentials: login })
  try {
    const page = await context.newPage()
    const response = await page.goto(url, { timeout: 30_000 })
    return { status: response?.status(), at: page.url(), title: await page.title(), secured: await response?.securityDetails() }
  } finally {
    await context.close()
  }
}

/** What such a person is answered where no page comes of it. */
async function refusals(url: string, login: Login): Promise<readonly number[]> {
  const context = await browser.newContext(login === undefined ? {} : { httpCredentials: login })
  try {
    const page = await context.newPage()
    const answers: number[] = []
    page.on('response', (response) => void answers.push(response.status()))
    await assert.rejects(page.goto(url, { timeout: 30_000 }), /ERR_/)
    return answers
  } finally {
    await context.close()
  }
}

test('browser: every site shows its page under every name, by a certificate that it trusts, and by http as well', async () => {
  const { sites } = it.inventory.server
  assert.ok(sites.length >= 4)
  for (const { domain, aliases, root, basic_auth } of sites) {
    await it.host.must(sh`printf '<!doctype html><title>%s</title>' ${`page of ${domain}`} > ${`${root}/index.html`}`)
    const login = basic_auth && { username: basic_auth.user, password: it.secret(basic_auth.password.name) }
    for (const name of [domain, ...aliases]) {
      await answered(it.rehearsal, { url: `${name}/` }, basic_auth === undefined ? 200 : 401)
      const { status, at, title, secured } = await seen(`http://${name}/`, login)
      assert.deepEqual([status, at, title], [200, `https://${name}/`, `page of ${domain}`])
      assert.match(secured?.protocol ?? '', /^TLS 1\.3$/)
    }
  }
})

test('browser: a site with a password shows nothing without it, nor with another one', async () => {
  const locked = it.inventory.server.sites.filter(({ basic_auth }) => basic_auth !== undefined)
  assert.ok(locked.length > 0)
  for (const { domain, basic_auth } of locked) {
    const wrong = { username: basic_auth!.user, password: 'wrong' }
    for (const login of [undefined, wrong]) {
      const answers = await refusals(`https://${domain}/`, login)
      assert.ok(answers.length > 0 && answers.every((status) => status === 401), String(answers))
    }
  }
})

test('browser: a name that the server does not have is not shown', async () => {
  assert.deepEqual(await refusals('https://elsewhere.example/', undefined), [])
})
