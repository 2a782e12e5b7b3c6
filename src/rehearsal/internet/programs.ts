import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { artifactCache } from '../../artifacts/artifacts.ts'
import { downloadDebian, unpackDebian } from '../../artifacts/debian.ts'
import { ProvisionError } from '../../errors.ts'
import { locked } from '../lock.ts'
import type { InternetService } from './service.ts'

/** Puts the programs of Debian 13 that these services need into a directory: from the cache, else with apt and Debian's signatures. */
export async function fetchPrograms(
  services: readonly InternetService[],
  directory: string,
  onProgress: (text: string) => void,
): Promise<void> {
  mkdirSync(directory, { recursive: true })
  for (const { debian13 } of services) {
    if (debian13 === undefined) continue
    const { name, version, path } = debian13
    const cache = artifactCache()
    mkdirSync(cache, { recursive: true, mode: 0o700 })
    const deb = join(cache, `${name}_${version}_trixie.deb`)
    await locked(`${deb}.lock`, async () => {
      if (!existsSync(deb)) await downloadDebian(name, version, deb, cache, onProgress)
    })
    const program = (await unpackDebian(deb)).find((file) => file.path === path)
    if (program === undefined) throw new ProvisionError(deb, `there is no ${path} in it`, 'remove it from the cache')
    writeFileSync(join(directory, name), program.content, { mode: 0o755 })
  }
}
