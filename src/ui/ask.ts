import { styleText } from 'node:util'
import inquirer from 'inquirer'
import { back, type Put } from './converse.ts'
import type { Question } from './fields.ts'

const prompt = inquirer.createPromptModule({ output: process.stderr })

/** A line that is not shown while it is typed. Throws when the operator leaves with Ctrl-C. */
export async function askPassword(message: string): Promise<string> {
  const { answer } = await prompt([{ type: 'password', name: 'answer', message }])
  return String(answer)
}

/** Yes or no; no when the operator just presses Enter. Throws when the operator leaves with Ctrl-C. */
export async function askConfirm(message: string): Promise<boolean> {
  const { answer } = await prompt([{ type: 'confirm', name: 'answer', message, default: false }])
  return answer === true
}

/** Puts questions of the schema: a list where there is something to choose, else a line, which the field itself refuses or takes. */
export function askQuestions(say: (line: string) => void): Put {
  let told = false
  return (question, first) => {
    if (!told) say('Enter takes what stands in brackets, - is nothing, < goes back; Ctrl-C leaves everything as it was.')
    told = true
    return (question.choices === undefined ? askLine : askChoice)(question, first)
  }
}

async function askLine(question: Question, first: boolean): Promise<string | typeof back> {
  const { answer } = await prompt([
    {
      type: 'input',
      name: 'answer',
      message: question.ask,
      default: question.proposal,
      theme: explained(question),
      validate: (typed: string) =>
        goesBack(typed) ? !first || 'this is the first question' : (question.fault(read(typed)) ?? true),
    },
  ])
  return goesBack(String(answer)) ? back : read(String(answer))
}

async function askChoice(question: Question, first: boolean): Promise<string | typeof back> {
  const width = Math.max(...question.choices!.map(({ value }) => value.length))
  const { answer } = await prompt([
    {
      type: 'select',
      name: 'answer',
      message: question.ask,
      default: question.proposal,
      theme: explained(question),
      loop: false,
      choices: [
        ...question.choices!.map(({ value, about }) => ({
          value,
          short: value,
          name: `${value.padEnd(width)}  ${about}`.trimEnd(),
        })),
        ...(first ? [] : [{ value: '<', name: '<  back', short: '<' }]),
      ],
    },
  ])
  return answer === '<' ? back : String(answer)
}

const goesBack = (typed: string): boolean => typed.trim() === '<'

/** What was typed; a hyphen alone stands for nothing, where Enter would take the proposal. */
const read = (typed: string): string => (typed.trim() === '-' ? '' : typed.trim())

/** The hint stands above the question until it is answered. */
function explained({ hint }: Question) {
  const dim = (text: string) => styleText('dim', text, { stream: process.stderr })
  const mark = styleText('blue', '?', { stream: process.stderr })
  return {
    prefix: {
      idle: hint === '' ? mark : `${dim(`  ${hint}`)}\n${mark}`,
      done: styleText('green', '✔', { stream: process.stderr }),
    },
    style: { message: (text: string) => styleText('bold', text, { stream: process.stderr }) },
  }
}
