# Completion of provision for bash. Made from src/cli by "npm run docs".
# Load it with: source <(provision completion bash)

_provision() {
  local current=${COMP_WORDS[COMP_CWORD]} previous='' at='' word
  COMPREPLY=()
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if [[ $word != -* ]] && ! _provision_takes "$previous"; then
      case "${at:+$at }$word" in
        'list') at='list' ;;
        'doctor') at='doctor' ;;
        'history') at='history' ;;
        'adopt') at='adopt' ;;
        'upgrade') at='upgrade' ;;
        'outdated') at='outdated' ;;
        'init') at='init' ;;
        'domain add') at='domain add' ;;
        'domain remove') at='domain remove' ;;
        'account add') at='account add' ;;
        'account remove') at='account remove' ;;
        'account password') at='account password' ;;
        'alias add') at='alias add' ;;
        'alias remove') at='alias remove' ;;
        'secrets list') at='secrets list' ;;
        'secrets show') at='secrets show' ;;
        'secrets set') at='secrets set' ;;
        'secrets edit') at='secrets edit' ;;
        'dns records') at='dns records' ;;
        'dns zone') at='dns zone' ;;
        'dns check') at='dns check' ;;
        'dns publish') at='dns publish' ;;
        'dns lint') at='dns lint' ;;
        'dkim rotate') at='dkim rotate' ;;
        'tlsa rotate') at='tlsa rotate' ;;
        'backup now') at='backup now' ;;
        'backup list') at='backup list' ;;
        'backup check') at='backup check' ;;
        'backup unlock') at='backup unlock' ;;
        'backup key') at='backup key' ;;
        'backup prune') at='backup prune' ;;
        'restore') at='restore' ;;
        'rehearse') at='rehearse' ;;
        'completion') at='completion' ;;
        'domain') at='domain' ;;
        'account') at='account' ;;
        'alias') at='alias' ;;
        'secrets') at='secrets' ;;
        'dns') at='dns' ;;
        'dkim') at='dkim' ;;
        'tlsa') at='tlsa' ;;
        'backup') at='backup' ;;
      esac
    fi
    previous=$word
  done

  case "$at:$previous" in
    *:--host) COMPREPLY=($(compgen -W "$(_provision_inventories)" -- "$current")); return ;;
    *:--inventory) COMPREPLY=($(compgen -d -- "$current")); return ;;
    *:--address) :; return ;;
    *:--host-key) :; return ;;
    *:--only) :; return ;;
    *:--resolver) :; return ;;
    *:--html) COMPREPLY=($(compgen -f -- "$current")); return ;;
    *:--last) :; return ;;
    *:--to) :; return ;;
    *:--accounts) :; return ;;
    *:--catch-all) :; return ;;
    *:--web) COMPREPLY=($(compgen -W 'here bare' -- "$current")); return ;;
    *:--dmarc) COMPREPLY=($(compgen -W 'none quarantine reject' -- "$current")); return ;;
    *:--mta-sts) COMPREPLY=($(compgen -W 'none testing enforce' -- "$current")); return ;;
    *:--answers) COMPREPLY=($(compgen -f -- "$current")); return ;;
    *:--domain) :; return ;;
    *:--wait) :; return ;;
    *:--selector) :; return ;;
    *:--key) :; return ;;
    *:--archive) :; return ;;
    *:--mailbox) :; return ;;
    *:--message) :; return ;;
  esac

  local words
  case "$at" in
    '') words='list doctor history adopt upgrade outdated init restore rehearse completion domain account alias secrets dns dkim tlsa backup --host --inventory --json --verbose --debug --address --host-key --check --diff --only --yes --overwrite --prune --publish --reboot --all --help' ;;
    'list') words='--host --inventory --json --verbose --debug --address --host-key --help' ;;
    'doctor') words='--host --inventory --json --verbose --debug --address --host-key --only --resolver --html --since --help' ;;
    'history') words='--host --inventory --json --verbose --debug --address --host-key --last --help' ;;
    'adopt') words='--host --inventory --json --verbose --debug --address --host-key --help' ;;
    'upgrade') words='--host --inventory --json --verbose --debug --address --host-key --to --yes --help' ;;
    'outdated') words='--host --inventory --json --verbose --debug --help' ;;
    'init') words='--inventory --debug --help' ;;
    'domain add') words='--host --inventory --json --verbose --debug --address --host-key --no-apply --yes --accounts --catch-all --web --dmarc --mta-sts --answers --help' ;;
    'domain remove') words='--host --inventory --json --verbose --debug --address --host-key --no-apply --yes --keep-records --help' ;;
    'account add') words='--host --inventory --json --verbose --debug --address --host-key --no-apply --yes --help' ;;
    'account remove') words='--host --inventory --json --verbose --debug --address --host-key --no-apply --yes --help' ;;
    'account password') words='--host --inventory --json --verbose --debug --address --host-key --no-apply --yes --help' ;;
    'alias add') words='--host --inventory --json --verbose --debug --address --host-key --no-apply --yes --help' ;;
    'alias remove') words='--host --inventory --json --verbose --debug --address --host-key --no-apply --yes --help' ;;
    'secrets list') words='--host --inventory --json --verbose --debug --help' ;;
    'secrets show') words='--host --inventory --verbose --debug --previous --help' ;;
    'secrets set') words='--host --inventory --verbose --debug --help' ;;
    'secrets edit') words='--host --inventory --verbose --debug --help' ;;
    'dns records') words='--host --inventory --json --verbose --debug --address --host-key --domain --offline --help' ;;
    'dns zone') words='--host --inventory --json --verbose --debug --address --host-key --domain --offline --help' ;;
    'dns check') words='--host --inventory --json --verbose --debug --address --host-key --domain --offline --help' ;;
    'dns publish') words='--host --inventory --json --verbose --debug --address --host-key --domain --offline --yes --prune --wait --help' ;;
    'dns lint') words='--host --inventory --json --verbose --debug --domain --offline --help'; COMPREPLY=($(compgen -f -- "$current")) ;;
    'dkim rotate') words='--host --inventory --json --verbose --debug --address --host-key --yes --domain --selector --help' ;;
    'tlsa rotate') words='--host --inventory --json --verbose --debug --address --host-key --yes --key --help' ;;
    'backup now') words='--host --inventory --json --verbose --debug --address --host-key --help' ;;
    'backup list') words='--host --inventory --json --verbose --debug --address --host-key --help' ;;
    'backup check') words='--host --inventory --json --verbose --debug --address --host-key --help' ;;
    'backup unlock') words='--host --inventory --json --verbose --debug --address --host-key --help' ;;
    'backup key') words='--host --inventory --json --verbose --debug --address --host-key --help' ;;
    'backup prune') words='--host --inventory --json --verbose --debug --address --host-key --yes --help' ;;
    'restore') words='--host --inventory --json --verbose --debug --address --host-key --archive --only --mailbox --message --list --in-place --yes --drill --notify --keep --help' ;;
    'rehearse') words='--host --inventory --json --verbose --debug --fresh --keep --stop --vm --help' ;;
    'completion') words='bash zsh fish --help' ;;
    'domain') words='add remove' ;;
    'account') words='add remove password' ;;
    'alias') words='add remove' ;;
    'secrets') words='list show set edit' ;;
    'dns') words='records zone check publish lint' ;;
    'dkim') words='rotate' ;;
    'tlsa') words='rotate' ;;
    'backup') words='now list check unlock key prune' ;;
  esac
  COMPREPLY+=($(compgen -W "$words" -- "$current"))
}

# Whether a value follows this option.
_provision_takes() {
  case "$1" in
    --host | --inventory | --address | --host-key | --only | --resolver | --html | --last | --to | --accounts | --catch-all | --web | --dmarc | --mta-sts | --answers | --domain | --wait | --selector | --key | --archive | --mailbox | --message) return 0 ;;
  esac
  return 1
}

# The inventories of the folder, by their file names.
_provision_inventories() {
  local file
  for file in "${PROVISION_INVENTORY:-inventory}"/*.yml; do
    file=${file##*/}
    [[ $file == '*.yml' || $file == artifacts.lock.yml || $file == example.yml ]] || printf '%s\n' "${file%.yml}"
  done
}

complete -F _provision provision
