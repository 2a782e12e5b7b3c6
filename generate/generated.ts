import { bashCompletion } from './bash.ts'
import { commandPages } from './command-pages.ts'
import { fishCompletion } from './fish.ts'
import { inventoryPage } from './inventory-page.ts'
import { manPage } from './man-page.ts'
import { schemaFile } from './schema.ts'
import { zshCompletion } from './zsh.ts'

/** Every file of the repository that is made from the definitions, by its path; a test holds what is committed to it. */
export const generated = (): ReadonlyMap<string, string> =>
  new Map([
    ...commandPages(),
    ['docs/reference/inventory.md', inventoryPage()],
    ['inventory/schema.json', schemaFile()],
    ['man/provision.1', manPage()],
    ['completions/provision.bash', bashCompletion()],
    ['completions/_provision', zshCompletion()],
    ['completions/provision.fish', fishCompletion()],
  ])
