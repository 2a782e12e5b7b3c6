import { type Secret, secretText } from '../../../../src/secret.ts'
import { type Sh, sh } from '../../../../src/sh.ts'

/** Who speaks, and whether there is an ntfy server to speak to. */
export interface Notify {
  readonly hostname: string
  /** The file that `notifyCurl` is written to; without one all goes by mail. */
  readonly config: `/${string}` | undefined
}

/**
 * `provision-notify [-p min|low|default|high|max] [-u UNIT] TITLE [TEXT]`: says something to the operator, by ntfy, and by mail to root
 * when that fails. Without TEXT, and without a UNIT whose last lines in the journal are the text, it is read from stdin.
 */
export const notify = (from: Notify): string => `#!/bin/sh\n${body(from).text}\n`

const body = ({
  hostname,
  config,
}: Notify): Sh => sh`# Written by provision. provision-notify [-p min|low|default|high|max] [-u UNIT] TITLE [TEXT]
set -u
export LC_ALL=C
usage() {
  echo 'usage: provision-notify [-p min|low|default|high|max] [-u UNIT] TITLE [TEXT]; without TEXT it is read from stdin' >&2
  exit 2
}
priority=default unit=
while getopts p:u: option; do
  case $option in p) priority=$OPTARG ;; u) unit=$OPTARG ;; *) usage ;; esac
done
shift $((OPTIND - 1))
case $priority in min | low | default | high | max) ;; *) usage ;; esac
[ $# -ge 1 ] || usage

title=$(printf '%s: %s' ${hostname} "$1" | tr '\r\n' '  ')
if [ $# -ge 2 ]; then text=$2
elif [ -n "$unit" ]; then
  # By time: what a process that is gone already has said is not always known to be of its run.
  began=$(systemctl show --timestamp=unix -p InactiveExitTimestamp --value -- "$unit")
  journalctl --sync
  text=$(journalctl -q -o cat --no-pager -u "$unit" \${began:+--since "$began"} | tail -n 12)
else text=$(cat); fi
# ntfy takes 4,096 bytes, and makes an attachment of what is no UTF-8: as it is after a cut through a letter.
text=$(printf '%s' "$text" | head -c 3500 | iconv -c -f UTF-8 -t UTF-8)

${config === undefined ? sh`` : post(config)}
subject=$title
case $subject in *[!\ -~]*) subject="=?UTF-8?B?$(printf '%s' "$subject" | base64 -w 0)?=" ;; esac
if printf 'Subject: %s\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n%s\n' "$subject" "$text" | /usr/sbin/sendmail root; then exit 0; fi
logger -p user.err -t provision-notify -- "told nobody: $title"
echo "provision-notify: neither ntfy nor mail took it: $title" >&2
exit 1`

const post = (config: string): Sh => sh`
if why=$(printf '%s' "$text" | curl -q --config ${config} --header "Title: $title" --header "Priority: $priority" --data-binary @- 2>&1 >/dev/null); then exit 0; fi
text="$text

(by mail, because ntfy failed: $why)"
`

/** What curl is told beside the message, in a file, so that the token is in nobody's list of processes. See curl(1), --config. */
export const notifyCurl = (to: {
  readonly url: string
  readonly topic: string
  readonly token: Secret | undefined
  readonly ca: `/${string}` | undefined
}): Secret => secretText`# Written by provision.
${curlOf(`${to.url.replace(/\/$/, '')}/${to.topic}`)}${to.ca === undefined ? '' : `cacert = ${quoted(to.ca)}\n`}${to.token === undefined ? '' : secretText`header = ${to.token.map((token) => quoted(`Authorization: Bearer ${token}`))}\n`}`

/** The lines of curl's configuration for one that is asked without anybody waiting: it fails by its exit code, within half a minute. */
export const curlOf = (url: string): string => `url = ${quoted(url)}
fail
silent
show-error
connect-timeout = 10
max-time = 30
retry = 2
`

const quoted = (value: string): string => `"${value.replaceAll(/[\\"]/g, '\\$&')}"`
