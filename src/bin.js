#!/usr/bin/env node
// JavaScript that an old Node understands too, so that it can find a newer one, or say what it lacks instead of a syntax error.
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import module from 'node:module'
import os from 'node:os'
import { fileURLToPath } from 'node:url'

const [major, minor] = process.versions.node.split('.').map(Number)
// The sources where they are; the published package has only what was compiled.
const sources = new URL('./cli.ts', import.meta.url)
const compiled = new URL('../dist/src/cli.js', import.meta.url)

if (major < 22 || (major === 22 && minor < 19)) {
  const newer = nodeOfThePackage()
  if (newer === undefined) {
    process.stderr.write(
      `provision: Node ${process.versions.node} is too old, 22.19 or newer is needed\n` +
        `(npm install node@24 in ${home()}: provision then starts with that one)\n`,
    )
    process.exitCode = 1
  } else startWith(newer)
} else {
  module.enableCompileCache(`${process.env.XDG_CACHE_HOME || `${os.homedir()}/.cache`}/provision/compiled`)
  import((fs.existsSync(sources) ? sources : compiled).href)
}

/** Where npm installs what we can find: the clone, or the folder that we were installed in. */
function home() {
  return fileURLToPath(new URL('..', import.meta.url)).replace(/[/\\]node_modules[/\\].*$/, '')
}

/** The Node that npm has installed beside us: `npm ci` in a clone brings it. */
function nodeOfThePackage() {
  try {
    const found = module.createRequire(import.meta.url).resolve('node/bin/node')
    return fs.realpathSync(found) === fs.realpathSync(process.execPath) ? undefined : found
  } catch {
    return undefined
  }
}

/** The same command with another Node, whose end is ours. A terminal's Ctrl-C reaches both; what is sent to us alone is passed on. */
function startWith(node) {
  const child = spawn(node, [...process.execArgv, ...process.argv.slice(1)], { stdio: 'inherit' })
  process.on('SIGINT', () => {})
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => {
    process.stderr.write(`provision: Node ${process.versions.node} is too old, and ${node} cannot be started: ${error.message}\n`)
    process.exitCode = 1
  })
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + (os.constants.signals[signal] ?? 0)
  })
}
