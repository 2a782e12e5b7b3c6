import inquirer from 'inquirer'

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
