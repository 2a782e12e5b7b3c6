import { after, before } from 'node:test'
import { edit } from '../support/harness.ts'
import { type Installed, install } from '../support/install.ts'
import { mariadbTests } from './php/mariadb.ts'
import { pageTests } from './php/pages.ts'
import { suryTests } from './php/sury.ts'
import { wallTests } from './php/walls.ts'

let installed: Installed
const it = () => installed

before(async () => {
  installed = await install('e2e-php')
  edit(installed.operator, (document) => {
    document.set('php', document.createNode({ source: 'debian', upload: '1M' }))
    document.set('mariadb', document.createNode({ databases: [{ name: 'my_blog' }] }))
    document.setIn(['sites', 1, 'php'], true)
  })
})

after(() => installed?.stop())

pageTests(it)
wallTests(it)
mariadbTests(it)
suryTests(it)
