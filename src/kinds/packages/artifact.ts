import type { Artifact } from '../../engine/kind.ts'
import { defineKind } from '../../engine/kind.ts'
import { sh } from '../../sh.ts'

export interface InstalledArtifact extends Artifact, ArtifactOrigin {
  /** Where it lands: a program, or the directory that a tree is unpacked to. */
  readonly path: `/${string}`
  readonly tree?: boolean
}

/** Which version is pinned, and what identifies it on each architecture without fetching it: another origin is drift. */
export interface ArtifactOrigin {
  readonly version: string
  readonly origin: { readonly amd64: Origin; readonly arm64: Origin }
  /** What it lacks because it is the published program, a sentence each; shown as notes. */
  readonly lacks?: readonly string[]
}

/** Where a file comes from, which at its first use names no digest yet, and the digest of what is sent, known once it was obtained. */
export interface Origin {
  readonly text: () => string
  readonly sha256: () => string | undefined
}

type Architecture = 'amd64' | 'arm64'

interface State {
  readonly architecture: Architecture
  /** What the stamp says it came from; empty when there is none. */
  readonly origin: string
  readonly content: 'as sent' | 'changed' | 'absent'
}

/**
 * A pinned program that Debian does not package. The host keeps its origin, its digest, and size, inode and change time of what
 * was written then: while those are the same the 60 MB are not read again.
 */
export const artifact = defineKind<InstalledArtifact, State>({
  name: 'artifact',
  key: ({ name }) => name,

  probe: (all) => sh`
${artifactFacts}
architecture=$(dpkg --print-architecture)
${all.map(
  ({ name, path, tree = false }) => sh`
stamp=$provision/artifact/${name}
origin= sent= looked=
[ ! -s "$stamp" ] || { IFS= read -r origin; IFS= read -r sent; IFS= read -r looked; } < "$stamp" || :
if [ ! -e ${path} ]; then content=absent
elif [ -z "$looked" ]; then content=changed
elif [ "$(artifact_look ${path})" = "$looked" ]; then content='as sent'
elif [ "$(artifact_digest ${path} ${String(tree)})" = "$sent" ]; then content='as sent'
else content=changed; fi
printf '%s\t%s\t%s\t%s\n' ${name} "$architecture" "$content" "$origin"`,
)}`,

  parse: (output) =>
    new Map(
      [...output.matchAll(/^(\S+)\t(amd64|arm64)\t(as sent|changed|absent)\t(.*)$/gm)].map(
        ([, name, architecture, content, origin]) => [
          name!,
          { architecture: architecture as Architecture, content: content as State['content'], origin: origin! },
        ],
      ),
    ),

  diff: ({ origin }, have) => {
    const text = origin[have.architecture].text()
    if (have.content === 'absent') return [{ field: 'origin', from: 'absent', to: text }]
    return [
      ...(have.origin === text ? [] : [{ field: 'origin', from: have.origin || 'unknown', to: text }]),
      ...(have.content === 'as sent' ? [] : [{ field: 'content', from: have.content, to: 'as sent' }]),
    ]
  },

  notes: ({ name, lacks = [] }) =>
    lacks.length === 0
      ? []
      : [`is the published program; “source: build” for ${name} has what this one lacks: ${lacks.join('; ')}`],

  apply: ({ name, path, tree = false, origin }, { architecture }) => sh`
${artifactFacts}
sent=$provision/artifacts/${origin[architecture].sha256() ?? ''}
if [ ! -f "$sent" ]; then printf 'the file was not sent\n' >&2; exit 1; fi
mkdir -p -- "$(dirname -- ${path})"
rm -rf -- ${`${path}.provision`}
${
  tree
    ? sh`mkdir -- ${`${path}.provision`}
tar -xf "$sent" -C ${`${path}.provision`} --no-same-owner
rm -rf -- ${path}`
    : sh`install -m 0755 -o root -g root -- "$sent" ${`${path}.provision`}`
}
mv -T -- ${`${path}.provision`} ${path}
mkdir -p -m 0700 -- "$provision/artifact"
{ printf '%s\n' ${origin[architecture].text()}; artifact_digest ${path} ${String(tree)}; artifact_look ${path}; } > "$provision/artifact/.new"
mv -T -- "$provision/artifact/.new" "$provision/artifact/"${name}
rm -f -- "$sent"`,

  send: ({ name, version }) => [{ name, version }],
})

/** `artifact_look PATH`: what a program is told by at a glance; `artifact_digest PATH TREE`: what it is. */
export const artifactFacts = sh`
artifact_look() { find "$1" -type f -printf '%p %s %i %C@\n' | sort | sha256sum; }
artifact_digest() {
  if [ "$2" = true ]; then find "$1" -type f -exec sha256sum {} + | sort | sha256sum | cut -c1-64
  else sha256sum -- "$1" | cut -c1-64; fi
}`
