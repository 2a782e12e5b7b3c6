// OVH’s API as a process of its own, in the small internet’s network: `node process.ts SETTINGS-FILE`.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { ovhApi } from './api.ts'
import type { OvhSettings } from './settings.ts'
import { ovhZones } from './zones.ts'

const [file] = process.argv.slice(2)
if (file === undefined) throw new Error('the file of settings is needed')

const { address, cert, key, dns, tsig, zones, granted, faultFile, readyFile } = JSON.parse(
  readFileSync(file, 'utf8'),
) as OvhSettings

/** “POST .*\/record$ 500” */
function fault() {
  const [, call = '', status = ''] = /^(.*) (\d{3})\s*$/.exec(existsSync(faultFile) ? readFileSync(faultFile, 'utf8') : '') ?? []
  return call === '' ? undefined : { call: new RegExp(`^${call}`), status: Number(status) }
}

createServer({ cert, key }, ovhApi(ovhZones(zones, dns, tsig), granted, fault)).listen(443, address, () =>
  writeFileSync(readyFile, ''),
)
