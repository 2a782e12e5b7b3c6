import { type Sh, sh } from '../../sh.ts'

/** Paths that a unit reads at its start, or at a reload. */
type Paths = readonly `/${string}`[]

/**
 * `digest PATH…` sets `$digest`: one digest over path, mode, owner and content of all files below these paths.
 * A file over 1 MiB counts by size, inode and change time, which nothing sets back: reading 60 MB at each check costs too much.
 */
export const digest: Sh = sh`
digest() {
  digest=$(find "$@" ! -type d -printf '%p %m %u %g %l\n' \( -type f -size -2048 -exec sha256sum -- {} + -o -type f -printf '%p %s %i %C@\n' \) 2>/dev/null | sort | sha256sum)
  digest=\${digest%% *}
}`

/** sh: prints `stale NAME` when what stands at these paths is not what its stamp says was read. Needs `digest`. */
export const staleReads = (name: string, paths: Paths): Sh => sh`
digest ${paths}
stamp=
{ read -r stamp < "$provision/read/"${name}; } 2>/dev/null || :
if [ "$stamp" != "$digest" ]; then printf 'stale %s\n' ${name}; fi`

/** sh: what stands at these paths now, to be kept once it has been read. Needs `digest`. */
export const note = (name: string, paths: Paths): Sh => sh`
mkdir -p -m 0700 -- "$provision/read"
digest ${paths}
printf '%s\n' "$digest" ${paths} > "$provision/read/."${name}`

/** sh: what was noted has been read. */
export const keepNote = (name: string): Sh => sh`mv -T -- "$provision/read/."${name} "$provision/read/"${name}`

/**
 * sh: whoever reads this path has to read it again, for a person may have restarted it with what stands there now. Put before
 * the new content is.
 */
export const unread = (path: string): Sh => sh`
for stamp in "$provision"/read/*; do
  [ -f "$stamp" ] || continue
  while IFS= read -r reads; do
    case ${path} in "$reads"|"$reads"/*) rm -f -- "$stamp" ;; esac
  done < "$stamp"
done`
