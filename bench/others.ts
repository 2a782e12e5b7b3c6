import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { BenchHost } from './host.ts'
import { admin } from './inventory.ts'
import { type Command, pairs, run } from './measure.ts'
import { converge, provision, type Row, row, sources } from './noop.ts'
import { startProxy } from './proxy.ts'
import { count, type Things, things } from './things.ts'

/** The same list for pyinfra and Ansible, from PyPI: a check of what is as it should be, near and far. Few runs, for they take long. */
export async function others(host: BenchHost, turns: number, say: (line: string) => void): Promise<readonly Row[]> {
  const list = things(1)
  const inventory = await converge(host, list)
  const folder = join(host.home, 'others')
  mkdirSync(folder, { recursive: true })
  const bin = await installed(say)
  const proxy = await startProxy(host.machine.address, 22, 40)
  try {
    const rows: Row[] = []
    for (const port of [undefined, proxy.port]) {
      const ours = provision(
        host,
        sources,
        inventory,
        '--check',
        ...(port === undefined ? [] : ['--address', `127.0.0.1:${port}`]),
      )
      for (const theirs of [pyinfra(host, folder, bin, list, port), ansible(host, folder, bin, list, port)]) {
        const what = `no-op check, ${count(list)} resources${port === undefined ? '' : ', 80 ms round trip'}: against ${theirs.name}`
        say(what)
        rows.push(row(what, await pairs(ours, theirs, turns, undefined, false)))
      }
    }
    return rows
  } finally {
    proxy.close()
  }
}

/** A venv of their own, made once. */
async function installed(say: (line: string) => void): Promise<string> {
  const folder = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'provision', 'bench-others')
  const bin = join(folder, 'bin')
  if (!existsSync(join(bin, 'ansible-playbook'))) {
    say('installing pyinfra and Ansible from PyPI')
    await run({ name: 'venv', argv: ['python3', '-m', 'venv', folder] })
    await run({ name: 'pip', argv: [join(bin, 'pip'), 'install', '-q', 'pyinfra', 'ansible-core'] })
    const galaxy = ['collection', 'install', 'ansible.posix', 'community.general']
    await run({ name: 'galaxy', argv: [join(bin, 'ansible-galaxy'), ...galaxy] }).catch(() => undefined)
  }
  return bin
}

const at = (host: BenchHost, port?: number): string => (port === undefined ? host.machine.address : '127.0.0.1')

function pyinfra(host: BenchHost, folder: string, bin: string, list: Things, port?: number): Command {
  const data = { ssh_user: admin, ssh_key: host.key, ssh_port: port ?? 22, ssh_strict_host_key_checking: 'no', _sudo: true }
  const python = JSON.stringify(data).replaceAll('true', 'True')
  writeFileSync(join(folder, 'hosts.py'), `hosts = [("${at(host, port)}", ${python})]\n`)
  writeFileSync(join(folder, 'list.json'), JSON.stringify(list))
  writeFileSync(
    join(folder, 'deploy.py'),
    `import io, json
from pyinfra.operations import apt, files, server, systemd

things = json.load(open("list.json"))
for name in things["packages"]:
    apt.packages(packages=[name], _sudo=True)
for one in things["users"]:
    server.user(user=one["name"], home="/home/" + one["name"], shell="/bin/bash", public_keys=[one["key"]], delete_keys=True, _sudo=True)
for path in things["directories"]:
    files.directory(path=path, mode="755", user="root", group="root", _sudo=True)
for one in things["files"]:
    files.put(src=io.StringIO(one["content"]), dest=one["path"], mode="644", user="root", group="root", _sudo=True)
for port in things["rules"]:
    files.line(path="/etc/ufw/user.rules", line="### tuple ### allow tcp %d 0.0.0.0/0 any 0.0.0.0/0 in" % port, _sudo=True)
for unit in things["services"]:
    systemd.service(service=unit, running=True, enabled=True, _sudo=True)
`,
  )
  return { name: 'pyinfra', argv: [join(bin, 'pyinfra'), '-y', '--dry', 'hosts.py', 'deploy.py'], cwd: folder }
}

function ansible(host: BenchHost, folder: string, bin: string, list: Things, port?: number): Command {
  const tasks = [
    ...list.packages.map((name) => ({ apt: { name } })),
    ...list.users.map(({ name }) => ({ user: { name, home: `/home/${name}`, shell: '/bin/bash' } })),
    ...list.users.map(({ name, key }) => ({
      copy: { content: `${key}\n`, dest: `/home/${name}/.ssh/authorized_keys`, owner: name, group: name, mode: '0600' },
    })),
    ...list.directories.map((path) => ({ file: { path, state: 'directory', owner: 'root', group: 'root', mode: '0755' } })),
    ...list.files.map(({ path, content }) => ({ copy: { content, dest: path, owner: 'root', group: 'root', mode: '0644' } })),
    ...list.rules.map((one) => ({
      lineinfile: { path: '/etc/ufw/user.rules', line: `### tuple ### allow tcp ${one} 0.0.0.0/0 any 0.0.0.0/0 in` },
    })),
    ...list.services.map((name) => ({ systemd: { name, state: 'started', enabled: true } })),
  ]
  writeFileSync(join(folder, 'site.json'), JSON.stringify([{ hosts: 'all', become: true, gather_facts: false, tasks }]))
  return {
    name: 'Ansible',
    argv: [
      join(bin, 'ansible-playbook'),
      ...['--check', '-i', `${at(host, port)},`, '-u', admin, '--private-key', host.key],
      ...['-e', `ansible_port=${port ?? 22}`, '-e', 'ansible_python_interpreter=/usr/bin/python3', 'site.json'],
    ],
    env: { ANSIBLE_HOST_KEY_CHECKING: 'False', ANSIBLE_PIPELINING: 'True', LC_ALL: 'C.UTF-8' },
    cwd: folder,
  }
}
