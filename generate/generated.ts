import { bashCompletion } from './bash.ts'
import { commandPages } from './command-pages.ts'
import { fishCompletion } from './fish.ts'
import { manPage } from './man-page.ts'
import { zshCompletion } from './zsh.ts'

/** Every file of the repository that is made from the definitions, by its path; a test holds what is committed to it. */
export const generated = (): ReadonlyMap<string, string> =>
  new Map([
    ...commandPages(),
    ['man/provision.1', manPage()],
    ['completions/provision.bash', bashCompletion()],
    ['completions/_provision', zshCompletion()],
    ['completions/provision.fish', fishCompletion()],
  ])
