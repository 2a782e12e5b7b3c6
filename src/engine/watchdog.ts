import { type Sh, sh } from '../sh.ts'

/** How long one section of a probe may take, in seconds. All of them take a second or two where nothing hangs. */
export const sectionLimit = 20

/** What stands on stderr, between two marks, of a section that was ended because it took too long. */
export const overdueMark = 'overdue'

/**
 * sh: a process beside a probe that ends each section which takes longer than `limit` seconds: a file server that is gone, a D-Bus that
 * does not answer. Sections are the only other children of the shell that starts it (proc(5), task/TID/children; in Debian's kernels). The
 * section's own shell and all that is below it are stopped, so that none of them starts another or answers for one that is gone, and then
 * killed, the section's shell last, since with that the next section begins, and after the last one this process is called off. Of a pipeline
 * whose first program alone was ended, `wc -l` would say that there is nothing. It costs a fork a second, in the
 * foreground: the `wait` of dash 0.5.12 sometimes misses the end of what it waits for.
 */
export const watchdog = (nonce: string, limit: number): Sh => sh`read -r parent rest </proc/self/stat
{
children_of() { children=''; read -r children <"/proc/$1/task/$1/children" || :; }
stop() {
  kill -STOP "$1"
  all="$1 $all"
  children_of "$1"
  for child in $children; do stop "$child"; done
}
read -r self rest </proc/self/stat
last='' seconds=0
while :; do
  sleep 1 3>&-
  # Not the parent that it was started by: then the probe is gone, and the children of whoever adopted this one are nobody's sections.
  read -r self name state now rest </proc/self/stat
  [ "$now" = "$parent" ] || exit 0
  children_of "$parent"
  section=''
  for child in $children; do [ "$child" = "$self" ] || section=$child; done
  [ "$section" = "$last" ] || seconds=0
  last=$section seconds=$((seconds + 1))
  if [ -n "$section" ] && [ "$seconds" -gt ${limit} ]; then
    all=''
    stop "$section"
    printf '\n%s %s\n' ${nonce} ${overdueMark} >&3
    for one in $all; do kill -KILL "$one"; done
  fi
done
} 3>&2 >/dev/null 2>/dev/null &
watchdog=$!`

/** sh: ends it, when all sections have. */
export const callOff: Sh = sh`kill "$watchdog" 2>/dev/null || :`
