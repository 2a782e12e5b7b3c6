import { type Follows, type Place, places } from './definitions.ts'

/** completions/provision.bash. */
export const bashCompletion = (): string => `# Completion of provision for bash. Made from src/cli by "npm run docs".
# Load it with: source <(provision completion bash)

_provision() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous='' at='' word
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
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

  local words
  case "$at" in
${places()
  .map((place) => `    '${place.words}') ${inPlace(place)} ;;`)
  .join('\n')}
  esac
  COMPREPLY+=($(compgen -W "$words" -- "$current"))
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
  local file
  for file in "\${PROVISION_INVENTORY:-inventory}"/*.yml; do
    file=\${file##*/}
    [[ $file == '*.yml' || $file == artifacts.lock.yml || $file == example.yml ]] || printf '%s\\n' "\${file%.yml}"
  done
}

complete -F _provision provision
`

/** The words of every command and group. */
export const commandWords = (): readonly string[] => places().flatMap(({ words }) => (words === '' ? [] : [words]))

/** The options after which a value comes. */
export const taking = (): readonly string[] => [
  ...new Set(
    places().flatMap(({ options }) => options.flatMap(({ option, follows }) => (follows === 'nothing' ? [] : [option]))),
  ),
]

/** What follows an option, as patterns of bash's and zsh's \`case\`: of one command where it is not the same for all. */
export function values(): readonly (readonly [pattern: string, follows: Follows])[] {
  const all = places().flatMap(({ words, options }) =>
    options.flatMap(({ option, follows }) => (follows === 'nothing' ? [] : [{ words, option, follows }])),
  )
  return taking().map((option) => [`*:${option}`, all.find((one) => one.option === option)!.follows])
}

function reply(follows: Follows): string {
  if (follows === 'file') return 'COMPREPLY=($(compgen -f -- "$current"))'
  if (follows === 'folder') return 'COMPREPLY=($(compgen -d -- "$current"))'
  if (follows === 'inventory') return 'COMPREPLY=($(compgen -W "$(_provision_inventories)" -- "$current"))'
  return typeof follows === 'string' ? ':' : `COMPREPLY=($(compgen -W '${follows.join(' ')}' -- "$current"))`
}

function inPlace({ commands, options, argument }: Place): string {
  const words = [...commands.map(({ word }) => word), ...options.map(({ option }) => option)]
  const more = Array.isArray(argument) ? argument : []
  return `words='${[...more, ...words].join(' ')}'${argument === 'file' ? '; COMPREPLY=($(compgen -f -- "$current"))' : ''}`
}
