import { commandWords, taking } from './bash.ts'
import { type Follows, type Place, places } from './definitions.ts'

/** completions/provision.fish. */
export const fishCompletion = (): string => `# Completion of provision for fish. Made from src/cli by "npm run docs".
# Load it with: provision completion fish | source

# The words of the command that is being written: "dns check".
function __provision_at
    set -l at
    set -l previous ''
    for word in (commandline -opc)[2..]
        if not string match -q -- '-*' $word; and not contains -- $previous ${taking().join(' ')}
            if contains -- (string join ' ' $at $word) ${commandWords().map(quoted).join(' ')}
                set -a at $word
            end
        end
        set previous $word
    end
    string join ' ' $at
end

function __provision_is
    test "$(__provision_at)" = "$argv[1]"
end

# The inventories of the folder, by their file names.
function __provision_inventories
    set -l folder inventory
    set -q PROVISION_INVENTORY; and set folder $PROVISION_INVENTORY
    for file in $folder/*.yml
        string match -qr '/(artifacts\\.lock|example)\\.yml$' $file; or string replace -r '.*/(.*)\\.yml$' '$1' $file
    end
end

complete -c provision -f
${places().flatMap(inPlace).join('\n')}
`

function inPlace({ words, commands, options, argument }: Place): readonly string[] {
  const here = `complete -c provision -n ${quoted(`__provision_is ${quoted(words)}`)}`
  return [
    ...commands.map(({ word, about }) => `${here} -a ${word} -d ${quoted(about)}`),
    ...(Array.isArray(argument) ? [`${here} -a ${quoted(argument.join(' '))}`] : []),
    ...(argument === 'file' ? [`${here} -F`] : []),
    ...options.map(({ option, about, follows }) => `${here} -l ${option.slice(2)}${reply(follows)} -d ${quoted(about)}`),
  ]
}

function reply(follows: Follows): string {
  if (follows === 'nothing') return ''
  if (follows === 'file') return ' -rF'
  if (follows === 'folder') return " -xa '(__fish_complete_directories)'"
  if (follows === 'inventory') return " -xa '(__provision_inventories)'"
  return typeof follows === 'string' ? ' -x' : ` -xa ${quoted(follows.join(' '))}`
}

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
