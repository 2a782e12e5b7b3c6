import { type Sh, sh } from '../../sh.ts'

/**
 * What the drill compares of an archive and of a host: how much rspamd has learned, as `BAYES_HAM 12`. It asks rspamd, not redis, so
 * that a host which has the data and does not use it differs.
 */
export const howMuchLearned: Sh = sh`rspamc --connect 127.0.0.1:11334 stat | awk '$1 == "Statfile:" { for (i = 2; i <= NF; i++) if ($i == "learned:") print $2, $(i + 1) + 0 }'`
