import { type Sh, sh } from '../sh.ts'

/**
 * `digest PATH…` sets `$digest`: one digest over path, mode, owner and content of all files below these paths.
 * A file over 1 MiB counts by size, inode and change time, which nothing sets back: reading 60 MB at each check costs too much.
 */
export const digest: Sh = sh`
digest() {
  digest=$(find "$@" ! -type d -printf '%p %m %u %g %l\n' \( -type f -size -2048 -exec sha256sum -- {} + -o -type f -printf '%p %s %i %C@\n' \) 2>/dev/null | sort | sha256sum)
  digest=\${digest%% *}
}`
