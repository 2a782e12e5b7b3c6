import { commandWords, taking, values } from './bash.ts'
import { type Follows, type Place, places } from './definitions.ts'

/** completions/_provision, for zsh. */
export const zshCompletion = (): string => `#compdef provision
# Completion of provision for zsh. Made from src/cli by "npm run docs".
# Put it into a folder of $fpath as _provision, or load it with: source <(provision completion zsh)

_provision() {
  local previous='' at='' word
  local -a commands options
  for word in "\${(@)words[2,CURRENT-1]}"; do
    if [[ $word != -* ]] && ! _provision_takes "$previous"; then
      case "\${at:+$at }$word" in
${commandWords()
  .map((words) => `        '${words}') at='${words}' ;;`)
  .join('\n')}
      esac
    fi
    previous=$word
  done

  case "$at:$previous" in
${values()
  .map(([pattern, follows]) => `    ${pattern}) ${reply(follows)}; return ;;`)
  .join('\n')}
  esac

  case "$at" in
${places().map(inPlace).join('\n')}
  esac
  if [[ $PREFIX == -* ]] || (( ! $#commands )); then
    _describe -o -t options option options
  else
    _describe -t commands command commands
  fi
}

# Whether a value follows this option.
_provision_takes() {
  case "$1" in
    ${taking().join(' | ')}) return 0 ;;
  esac
  return 1
}

# The inventories of the folder, by their file names.
_provision_inventories() {
  local -a names
  names=("\${PROVISION_INVENTORY:-inventory}"/*.yml(N:t:r))
  compadd -- "\${(@)names:#(artifacts.lock|example)}"
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _provision "$@"
else
  compdef _provision provision
fi
`

function reply(follows: Follows): string {
  if (follows === 'file') return '_files'
  if (follows === 'folder') return '_files -/'
  if (follows === 'inventory') return '_provision_inventories'
  return typeof follows === 'string' ? '_message value' : `compadd -- ${follows.join(' ')}`
}

function inPlace({ words, commands, options, argument }: Place): string {
  const described = (all: readonly (readonly [string, string])[]) => all.map(([one, about]) => `        ${quoted(one, about)}`)
  return [
    `    '${words}')`,
    `      commands=(`,
    ...described(commands.map(({ word, about }) => [word, about] as const)),
    ...(Array.isArray(argument) ? argument.map((one) => `        ${one}`) : []),
    `      )`,
    `      options=(`,
    ...described(options.map(({ option, about }) => [option, about] as const)),
    `      )`,
    ...(argument === 'file' ? ['      _files'] : []),
    `      ;;`,
  ].join('\n')
}

/** \`word:about\`, in which a colon of the word itself would end it. */
const quoted = (word: string, about: string): string => `'${word}:${about.replaceAll("'", "'\\''")}'`
