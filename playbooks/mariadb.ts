import { type Playbook, playbook, step } from '../src/engine/step.ts'
import type { Server } from '../src/inventory/inventory.ts'
import { database } from '../src/kinds/data/database.ts'
import { mariadbAccess } from '../src/kinds/data/mariadb-access.ts'
import { file } from '../src/kinds/files/file.ts'
import { packages } from '../src/kinds/packages/packages.ts'
import { service } from '../src/kinds/system/service.ts'
import type { Secret } from '../src/secret.ts'
import { sh } from '../src/sh.ts'
import { text } from '../src/util/text.ts'

type Mariadb = Pick<Server, 'mariadb'> & { readonly stampKey: Secret }

/** MariaDB on the loopback, with its databases, each with a user of its own. */
export const mariadb = ({ mariadb: wanted, stampKey }: Mariadb): Playbook => {
  if (wanted === undefined) return playbook('mariadb', [])
  return playbook('mariadb', [
    step('Install MariaDB', [packages({ name: 'mariadb', installed: ['mariadb-server', 'mariadb-client'] })]),
    step('Configure MariaDB', [
      file({
        path: `${folder}/zz-provision.cnf`,
        content: text('etc/mysql/mariadb.conf.d/zz-provision.cnf'),
        // It says yes to no option that it does not know.
        check: sh`mariadbd --defaults-file="$tmp" --user=mysql --verbose --help > /dev/null`,
      }),
    ]),
    step('Run MariaDB', [service({ unit: 'mariadb.service', reads: ['/etc/mysql/mariadb.cnf', '/etc/mysql/conf.d', folder] })]),
    step('Keep out who is not declared', [mariadbAccess({ server: 'mariadb', users: wanted.databases.map(({ user }) => user) })]),
    step(
      'Make the databases',
      wanted.databases.map((one) => database({ ...one, stampKey })),
    ),
  ])
}

const folder = '/etc/mysql/mariadb.conf.d'
