import { styleText } from 'node:util'
import inquirer from 'inquirer'
import { back, type Put } from './converse.ts'
import type { Question } from './fields.ts'
import { columns, prose, wrapped } from './wrap.ts'

const prompt = inquirer.createPromptModule({ output: process.stderr })

/** A line that is not shown while it is typed. Throws when the operator leaves with Ctrl-C. */
export const askPassword = (message: string): Promise<string> => hiddenLine(message, '', () => undefined)

/**
 * A new password, typed twice; an empty one that `fault` accepts is not repeated. What is wrong is said, and asked again. Throws when
 * the operator leaves with Ctrl-C.
 */
export async function askNewPassword(message: string, fault: (typed: string) => string | undefined): Promise<string> {
  for (;;) {
    const password = await hiddenLine(message, '', (typed) => (typed === '<' ? isFirst : fault(typed)))
    if (password === '') return password
    const again = await hiddenLine('Once more', '< goes back', (typed) =>
      typed === '<' || typed === password ? undefined : 'this differs from what you typed first: correct it, or go back with <',
    )
    if (again !== '<') return password
  }
}

/** Yes or no; no when the operator just presses Enter. Throws when the operator leaves with Ctrl-C. */
export const askConfirm = async (message: string): Promise<boolean> => (await askYesOrNo(message, false)) === true

/** The same at the end of other questions: `<` goes back to the last one. */
export const askConfirmOrBack = (message: string): Promise<boolean | typeof back> => askYesOrNo(message, true)

/** Puts questions of the schema: a list where there is something to choose, else a line, which the field itself refuses or takes. */
export function askQuestions(say: (line: string) => void): Put {
  let explained = false
  return (question, first) => {
    if (!explained)
      say(prose('Enter takes what is in brackets, - leaves it empty, < goes back; Ctrl-C ends this and keeps your answers.'))
    explained = true
    return (question.choices === undefined ? askLine : askChoice)(question, first)
  }
}

async function hiddenLine(message: string, hint: string, fault: (typed: string) => string | undefined): Promise<string> {
  const { answer } = await prompt([
    {
      type: 'password',
      name: 'answer',
      message,
      theme: themeOf(message, hint),
      validate: (typed: string) => fault(typed) ?? true,
    },
  ])
  return String(answer)
}

async function askYesOrNo(message: string, mayGoBack: boolean): Promise<boolean | typeof back> {
  const answer = await typedLine(message, '', 'y/N', {
    shown: (typed) => (meansYes(typed) ? 'Yes' : goesBack(typed) ? '<' : 'No'),
    fault: (typed) => {
      if (goesBack(typed)) return mayGoBack ? undefined : isFirst
      if (meansYes(typed) || /^(?:n|no|y\/n)$/i.test(typed.trim())) return undefined
      return `“${typed.trim()}” is neither yes nor no: type y or n${mayGoBack ? ', or < to go back' : ''}`
    },
  })
  return goesBack(answer) ? back : meansYes(answer)
}

async function askLine({ ask, hint, proposal, fault }: Question, first: boolean): Promise<string | typeof back> {
  const answer = await typedLine(ask, hint, proposal, {
    shown: (typed) => typed,
    fault: (typed) => (goesBack(typed) ? (first ? isFirst : undefined) : fault(read(typed))),
  })
  return goesBack(answer) ? back : read(answer)
}

/** A line; what is wrong with it is said, and what was typed stays there to be corrected. */
async function typedLine(
  message: string,
  hint: string,
  proposal: string,
  { shown, fault }: { shown(typed: string): string; fault(typed: string): string | undefined },
): Promise<string> {
  const { answer } = await prompt([
    {
      type: 'input',
      name: 'answer',
      message,
      default: proposal,
      theme: themeOf(message, hint),
      transformer: (typed: string, { isFinal }: { readonly isFinal: boolean }) =>
        isFinal ? after(message, shown(typed), 'cyan') : typed.length < roomAfter(message) ? typed : `\n  ${typed}`,
      validate: (typed: string) => fault(typed) ?? true,
    },
  ])
  return String(answer)
}

async function askChoice({ ask, hint, choices = [], proposal }: Question, first: boolean): Promise<string | typeof back> {
  const offered = [...choices, ...(first ? [] : [{ value: '<', about: 'back' }])]
  const width = Math.max(...choices.map(({ value }) => value.length))
  const names = offered.map(({ value, about }) =>
    wrapped(about, columns() - width - 5)
      .map((line, at) => `${(at === 0 ? value : '').padEnd(width)}  ${at === 0 ? '' : '  '}${line}`.trimEnd())
      .join('\n'),
  )
  const { answer } = await prompt([
    {
      type: 'select',
      name: 'answer',
      message: ask,
      default: proposal,
      theme: themeOf(ask, hint),
      loop: false,
      pageSize: Math.max(7, names.join('\n').split('\n').length),
      choices: offered.map(({ value }, at) => ({ value, short: value, name: names[at]! })),
    },
  ])
  return answer === '<' ? back : String(answer)
}

const isFirst = 'there is no question before this one'

const goesBack = (typed: string): boolean => typed.trim() === '<'

const meansYes = (typed: string): boolean => /^(?:y|yes)$/i.test(typed.trim())

/** What was typed; a hyphen alone stands for nothing, where Enter would take the proposal. */
const read = (typed: string): string => (typed.trim() === '-' ? '' : typed.trim())

/** How many columns are left on the last line of a question. */
const roomAfter = (message: string): number => columns() - 3 - wrapped(message, columns() - 3).at(-1)!.length

/** What follows a question: on its last line where there is room, else on lines below it. */
function after(message: string, text: string, style: 'cyan' | 'dim'): string {
  const styled = (line: string) => styleText(style, line, { stream: process.stderr })
  return text.length < roomAfter(message) ? styled(text) : ['', ...wrapped(text, columns() - 3).map(styled)].join('\n  ')
}

/** The hint is above the question until it is answered; no line is longer than the terminal is wide. */
function themeOf(message: string, hint: string) {
  const styled = (style: 'blue' | 'bold' | 'dim' | 'green' | 'red', text: string) =>
    styleText(style, text, { stream: process.stderr })
  const hints = hint === '' ? [] : wrapped(hint, columns() - 3).map((line) => `${styled('dim', `  ${line}`)}\n`)
  return {
    prefix: { idle: `${hints.join('')}${styled('blue', '?')}`, done: styled('green', '✔') },
    style: {
      message: (text: string) =>
        wrapped(text, columns() - 3)
          .map((line) => styled('bold', line))
          .join('\n  '),
      defaultAnswer: (text: string) => after(message, `(${text})`, 'dim'),
      answer: (text: string) => (text === '' ? '' : after(message, text, 'cyan')),
      // What stands for a password while it is typed.
      help: (text: string) => after(message, text, 'dim'),
      error: (text: string) =>
        wrapped(`> ${text}`, columns() - 2)
          .map((line) => styled('red', line))
          .join('\n  '),
    },
  }
}
