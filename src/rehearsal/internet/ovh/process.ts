// OVH’s API as a process of its own, in the small internet’s network: `node process.ts SETTINGS-FILE`.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { type Fault, ovhApi } from './api.ts'
import type { OvhSettings } from './settings.ts'
import { ovhZones } from './zones.ts'

const [file] = process.argv.slice(2)
if (file === undefined) throw new Error('the file of settings is needed')

const { address, cert, key, dns, tsig, zones, granted, faultFile, readyFile } = JSON.parse(
  readFileSync(file, 'utf8'),
) as OvhSettings

let last: { readonly text: string; readonly fault: Fault | undefined } = { text: '', fault: undefined }

/** “POST .*\/record$ 500”, “PUT .* 500 3”, “PUT .* 500 3 done”, and a second line that makes it another one. */
function fault(): Fault | undefined {
  const text = existsSync(faultFile) ? readFileSync(faultFile, 'utf8') : ''
  if (text === last.text) return last.fault
  const [, call, status, nth, done] = /^(.*) (\d{3})(?: (\d+)( done)?)?$/m.exec(text) ?? []
  last = {
    text,
    fault:
      call === undefined
        ? undefined
        : {
            call: new RegExp(`^${call}`),
            status: Number(status),
            nth: nth === undefined ? undefined : Number(nth),
            done: done !== undefined,
          },
  }
  return last.fault
}

createServer({ cert, key }, ovhApi(ovhZones(zones, dns, tsig), granted, fault)).listen(443, address, () =>
  writeFileSync(readyFile, ''),
)
