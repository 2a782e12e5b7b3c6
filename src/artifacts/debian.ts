import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ProvisionError } from '../errors.ts'
import { has, runHere } from './run.ts'
import { type TarEntry, untar } from './tar.ts'

/**
 * Downloads a package of Debian 13 to a file, with apt and Debian's signatures, without touching this machine's own sources:
 * apt gets a configuration, lists and a status of its own. Throws ProvisionError without apt, or when the version is another one.
 */
export async function downloadDebian(
  name: string,
  version: string,
  to: string,
  cacheDir: string,
  log: (line: string) => void,
): Promise<void> {
  if (!(await has('apt-get')) || !(await has('dpkg-deb')))
    throw new ProvisionError(`${name} ${version}`, 'a package of Debian needs apt on this machine', 'take “source: release”')
  const work = await mkdtemp(join(cacheDir, 'apt-'))
  try {
    for (const dir of ['lists/partial', 'archives/partial', 'empty', 'out']) await mkdir(join(work, dir), { recursive: true })
    await writeFile(join(work, 'status'), '')
    log(`getting ${name} ${version} from Debian 13`)
    const apt = (...args: readonly string[]) => runHere('apt-get', [...options(work), ...args], { cwd: join(work, 'out') })
    const mirror = await debianMirror()
    await writeFile(join(work, 'sources.list'), source(mirror, keyring))
    await apt('update').catch(async () => {
      // A machine that has not been updated for long may not know the keys of Debian 13: the package that holds them is
      // checked with those that it knows.
      await writeFile(join(work, 'sources.list'), source(mirror, await newerKeyring(work)))
      await apt('update')
    })
    await apt('download', `${name}/trixie`)
    const [file] = (await readdir(join(work, 'out'))).filter((one) => one.startsWith(`${name}_`))
    const found = file?.split('_')[1]?.replace(/-[^-]*$/, '')
    if (file === undefined || found !== version)
      throw new ProvisionError(
        `${name} ${version}`,
        `Debian 13 has version ${found ?? 'unknown'} now`,
        `pin ${found ?? 'that'} in the inventory, or take “source: release”`,
      )
    await rename(join(work, 'out', file), to)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** The files of a Debian package. Throws ProvisionError when it is none. */
export async function unpackDebian(deb: string): Promise<readonly TarEntry[]> {
  return untar(deb, await runHere('dpkg-deb', ['--fsys-tarfile', deb]))
}

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'

const source = (mirror: string, keys: string): string =>
  `deb [signed-by=${keys} target=Packages lang=none] ${mirror} trixie main\n`

const options = (work: string): readonly string[] =>
  [
    `Dir::State=${work}`,
    `Dir::State::lists=${work}/lists`,
    `Dir::State::status=${work}/status`,
    `Dir::Cache=${work}`,
    `Dir::Cache::archives=${work}/archives`,
    `Dir::Etc::sourcelist=${work}/sources.list`,
    `Dir::Etc::sourceparts=${work}/empty`,
    `Dir::Etc::preferences=${work}/none`,
    `Dir::Etc::preferencesparts=${work}/empty`,
    `Dir::Etc::trusted=${work}/none`,
    `Dir::Etc::trustedparts=${work}/empty`,
    // apt's own user may not enter our cache, and nothing here needs root.
    'APT::Sandbox::User=',
    'APT::Update::Error-Mode=any',
    'Acquire::Retries=3',
  ].flatMap((option) => ['-o', option])

/** Where this machine gets Debian from; an Ubuntu has another origin, and then it is Debian's own address. */
async function debianMirror(): Promise<string> {
  const targets = await runHere('apt-get', [
    'indextargets',
    '--format',
    '$(ORIGIN) $(RELEASE) $(REPO_URI)',
    'Created-By: Packages',
  ]).catch(() => '')
  const [, mirror] = /^Debian [a-z]+ (http\S+)$/m.exec(targets.toString()) ?? []
  return mirror ?? 'http://deb.debian.org/debian'
}

async function newerKeyring(work: string): Promise<string> {
  await runHere('apt-get', ['download', '-o', 'APT::Sandbox::User=', '-o', 'Acquire::Retries=3', 'debian-archive-keyring'], {
    cwd: join(work, 'empty'),
  })
  const [file = ''] = await readdir(join(work, 'empty'))
  const keys = (await unpackDebian(join(work, 'empty', file))).find(({ path }) => `/${path}` === keyring)
  await rm(join(work, 'empty', file))
  if (keys === undefined) throw new ProvisionError('debian-archive-keyring', 'has no keyring in it')
  await writeFile(join(work, 'keyring.gpg'), keys.content)
  return join(work, 'keyring.gpg')
}
