import { after, before } from 'node:test'
import { type Installed, install } from '../support/install.ts'
import { appendOnlyTests } from './backup/append-only.ts'
import { databaseTests, withDatabases } from './backup/databases.ts'
import { withDeclared } from './backup/declared.ts'
import { drillTests } from './backup/drill.ts'
import { faultTests } from './backup/faults.ts'
import { madeTests } from './backup/made.ts'
import { mailboxTests } from './backup/mailbox.ts'
import { ntfyTests } from './backup/ntfy.ts'
import { restoreTests } from './backup/restore.ts'

let installed: Installed
const it = () => installed

before(async () => {
  installed = await install('e2e-backup')
  await withDatabases(installed)
  await withDeclared(installed)
})

after(() => installed?.stop())

ntfyTests(it)
madeTests(it)
databaseTests(it)
restoreTests(it)
mailboxTests(it)
faultTests(it)
drillTests(it)
appendOnlyTests(it)
