import { after, before } from 'node:test'
import { type Installed, install } from '../support/install.ts'
import { banTests } from './server/bans.ts'
import { baseTests } from './server/base.ts'
import { certificateTests } from './server/certificate.ts'
import { daemonTests } from './server/daemons.ts'
import { driftTests } from './server/drift.ts'
import { probeTests } from './server/probe.ts'
import { visitorTests } from './server/visitors.ts'

let installed: Installed
const it = () => installed

before(async () => {
  installed = await install('e2e-server')
})

after(() => installed?.stop())

baseTests(it)
daemonTests(it)
driftTests(it)
probeTests(it)
banTests(it)
visitorTests(it)
certificateTests(it)
