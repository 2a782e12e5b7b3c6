#!/usr/bin/env node
// Plain old JavaScript, so that an old Node can say what it lacks instead of a syntax error.
import fs from 'node:fs'
import module from 'node:module'
import os from 'node:os'

var version = process.versions.node.split('.').map(Number)
if (version[0] < 22 || (version[0] === 22 && version[1] < 18)) {
  process.stderr.write('provision: Node ' + process.versions.node + ' is too old, 22.18 or newer is needed\n')
  process.exitCode = 1
} else {
  module.enableCompileCache((process.env.XDG_CACHE_HOME || os.homedir() + '/.cache') + '/provision/compiled')
  // The sources where they are; the published package has only what was compiled.
  var sources = new URL('./cli.ts', import.meta.url)
  import((fs.existsSync(sources) ? sources : new URL('../dist/src/cli.js', import.meta.url)).href)
}
