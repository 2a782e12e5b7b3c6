import * as z from 'zod'
import { DownloadUrl } from './fields.ts'

const Version = z.string().regex(/^[0-9]+(?:\.[0-9]+){1,3}$/, 'is not a valid version: 1.2.3')

const urls = (amd64: string, arm64: string) =>
  z
    .strictObject({
      amd64: DownloadUrl.default(amd64).meta({
        description: 'where it is downloaded for amd64; {version} is replaced by the version',
      }),
      arm64: DownloadUrl.default(arm64).meta({ description: 'the same for arm64' }),
    })
    .prefault({})
    .meta({ description: 'where releases are; the last part of the URL is what a mirror is asked for' })

const source = (standard: 'release' | 'build') =>
  z.enum(['release', 'build']).default(standard).meta({
    description:
      'release: the published program; build: made on the operator’s machine from the Go module of that version, with our patches where there are some',
  })

/** What Debian does not package: which version, and where it comes from. Digests are in artifacts.lock.yml. */
export const Artifacts = z.strictObject({
  maddy: z
    .strictObject({
      version: Version.default('0.9.5').meta({ description: 'the pinned version' }),
      // The published one stops all mail after one malformed message: files/maddy/patches says what else.
      source: source('build'),
      url: urls(
        'https://github.com/foxcpp/maddy/releases/download/v{version}/maddy-{version}-x86_64-linux-musl.tar.zst',
        'https://github.com/foxcpp/maddy/releases/download/v{version}/maddy-{version}-aarch64-linux-musl.tar.zst',
      ),
    })
    .prefault({})
    .meta({ description: 'the mail server' }),
  caddy: z
    .strictObject({
      version: Version.default('2.11.9').meta({ description: 'the pinned version' }),
      source: source('release'),
      url: urls(
        'https://github.com/caddyserver/caddy/releases/download/v{version}/caddy_{version}_linux_amd64.tar.gz',
        'https://github.com/caddyserver/caddy/releases/download/v{version}/caddy_{version}_linux_arm64.tar.gz',
      ),
    })
    .prefault({})
    .meta({ description: 'the web server' }),
  nebula: z
    .strictObject({
      version: Version.default('1.11.1').meta({ description: 'the pinned version' }),
      source: source('release'),
      url: urls(
        'https://github.com/slackhq/nebula/releases/download/v{version}/nebula-linux-amd64.tar.gz',
        'https://github.com/slackhq/nebula/releases/download/v{version}/nebula-linux-arm64.tar.gz',
      ),
    })
    .prefault({})
    .meta({ description: 'the overlay network' }),
  'acme.sh': z
    .strictObject({
      version: Version.optional().meta({ example: '3.1.4', description: 'the pinned version; 3.1.4, or 3.1.1 from Debian' }),
      source: z
        .enum(['release', 'debian'])
        .default('release')
        .meta({ description: 'release: the tagged sources; debian: the package of Debian 13 (trixie)' }),
      url: DownloadUrl.default('https://github.com/acmesh-official/acme.sh/archive/{version}/acme.sh-{version}.tar.gz').meta({
        description: 'where it is downloaded; {version} is replaced by the version',
      }),
    })
    .prefault({})
    .transform(({ version, ...rest }) => ({ version: version ?? (rest.source === 'debian' ? '3.1.1' : '3.1.4'), ...rest }))
    .meta({ description: 'the ACME client' }),
})
