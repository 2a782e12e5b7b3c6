#!/usr/bin/env node
// JavaScript that an old Node understands too, so that it can say what it lacks instead of a syntax error.
import fs from 'node:fs'
import module from 'node:module'
import os from 'node:os'

const [major, minor] = process.versions.node.split('.').map(Number)
// The sources where they are; the published package has only what was compiled.
const sources = new URL('./cli.ts', import.meta.url)
const compiled = new URL('../dist/src/cli.js', import.meta.url)

if (major < 22 || (major === 22 && minor < 19)) {
  process.stderr.write(`provision: Node ${process.versions.node} is too old, 22.19 or newer is needed\n`)
  process.exitCode = 1
} else {
  module.enableCompileCache(`${process.env.XDG_CACHE_HOME || `${os.homedir()}/.cache`}/provision/compiled`)
  import((fs.existsSync(sources) ? sources : compiled).href)
}
