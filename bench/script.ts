import { createHash } from 'node:crypto'
import { sh } from '../src/sh.ts'
import type { Things } from './things.ts'

/**
 * What somebody who knows sh well writes by hand to see whether a host is as it should be: one program for all things of a sort.
 * It prints what sort differs, and compares all that our check compares.
 */
export function checkScript({ files, packages, services, users, rules, directories }: Things): string {
  const paths = files.map(({ path }) => path)
  const keyFiles = users.map(({ name }) => `/home/${name}/.ssh/authorized_keys`)
  const lines = (all: readonly string[]): string => all.join('\n')
  return sh`export LC_ALL=C
differs() { printf '%s differ\n' "$1"; code=2; }
code=0
[ "$(sha256sum -- ${[...paths, ...keyFiles]})" = ${lines([
    ...files.map(({ path, content }) => `${digest(content)}  ${path}`),
    ...users.map(({ key }, i) => `${digest(`${key}\n`)}  ${keyFiles[i]!}`),
  ])} ] || differs files
[ "$(stat -c '%a %U:%G %F %n' -- ${[...paths, ...directories, ...keyFiles]})" = ${lines([
    ...paths.map((path) => `644 root:root regular file ${path}`),
    ...directories.map((path) => `755 root:root directory ${path}`),
    ...users.map(({ name }, i) => `600 ${name}:${name} regular file ${keyFiles[i]!}`),
  ])} ] || differs modes
[ "$(dpkg-query -W -f '\${Package} \${db:Status-Abbrev}\n' -- ${packages} 2>&1 | sort)" = ${lines(packages.map((name) => `${name} ii `).toSorted())} ] || differs packages
[ "$(systemctl show --value -p ActiveState -p UnitFileState -p NeedDaemonReload -- ${services} | grep . | sort | uniq -c | tr -s ' \n' ' ')" = ${` ${services.length} active ${services.length} enabled ${services.length} no `} ] || differs services
[ "$(getent passwd ${users.map(({ name }) => name)} | cut -d: -f1,6,7)" = ${lines(users.map(({ name }) => `${name}:/home/${name}:/bin/bash`))} ] || differs users
[ "$(grep -hxF ${rules.flatMap((port) => [tuple(port, '0.0.0.0/0'), tuple(port, '::/0')]).flatMap((line) => ['-e', line])} /etc/ufw/user.rules /etc/ufw/user6.rules | wc -l)" = ${2 * rules.length} ] || differs rules
exit $code
`.text
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex')

const tuple = (port: number, any: string): string => `### tuple ### allow tcp ${port} ${any} any ${any} in`
