// Playbooks of one's own, that break something in ours: a `playbooks/index.ts` beside an inventory re-exports one of them.
import type { server as ourServer } from '../../playbooks/index.ts'
import { server as ours } from '../../playbooks/index.ts'
import type { Resource } from '../../src/engine/kind.ts'
import { guardedStep, playbook, type Step, step } from '../../src/engine/step.ts'
import { authorizedKeys } from '../../src/kinds/access/authorized-keys.ts'
import { file } from '../../src/kinds/files/file.ts'
import { ufwRules } from '../../src/kinds/network/ufw-rules.ts'
import { service } from '../../src/kinds/system/service.ts'
import { secretText } from '../../src/secret.ts'
import { sh } from '../../src/sh.ts'

type Server = typeof ourServer

/** Ours, as they are. */
export const none: Server = ours

/** One file, and nothing else: for what is not about the host. */
export const oneFile: Server = () => [playbook('one', [step('Write a file', [file({ path: '/etc/one', content: 'one\n' })])])]

/** A web server of one's own that looks, when it starts, whether a name leads anywhere: as a CA does. */
export const asker: Server = () => [
  playbook('caddy', [
    step('Write the web server', [
      file({
        path: '/etc/systemd/system/caddy.service',
        content:
          "[Service]\nExecStart=/bin/sh -c 'getent ahosts yanfi.net >/run/asked; exec sleep infinity'\n[Install]\nWantedBy=multi-user.target\n",
      }),
    ]),
    step('Run the web server', [service({ unit: 'caddy.service', reads: ['/etc/systemd/system/caddy.service'] })]),
  ]),
]

/** A right change that cuts every link of now without a word, and lets new ones in: what comes from there is dropped, or both ways. */
const cutting =
  (...chains: readonly string[]): Server =>
  (server, context) => {
    const { port } = server.ssh
    const rules = sh`set -- $(ss -Htn state established sport = ${`:${port}`} | awk '{ print $4 }' | sed 's/.*://')
for peer in "$@"; do
  iptables -I INPUT -p tcp --dport ${port} --sport "$peer" -j DROP
  ${chains.includes('OUTPUT') ? sh`iptables -I OUTPUT -p tcp --sport ${port} --dport "$peer" -j DROP` : sh`:`}
done
touch /run/cut
for i in 1 2 3 4 5; do echo working; sleep 1; done`
    const cut = guardedStep('Cut the link', [file({ path: '/etc/cut', content: 'cut\n', check: rules })], {
      save: ['/etc/cut'],
      undo: sh`:`,
      login: 'current port',
    })
    const after = step('Write a file', [file({ path: '/etc/one', content: 'one\n' })])
    return [...ours(server, context), playbook('cut', [cut, after])]
  }
/** What the operator sends is dropped; what the host says arrives. */
export const deafHost: Server = cutting('INPUT')
/** Nothing crosses the link any more. */
export const cutLink: Server = cutting('INPUT', 'OUTPUT')

/** The firewall that is on never hears of the port that sshd moves to. */
export const closedPort: Server = changed('access/let-the-ssh-port-through-a-firewall-that-is-on', () => [])

/** sshd moves to another port than the one that is declared. */
export const otherPort: Server = (server, context) => {
  const elsewhere = { ...server, ssh: { ...server.ssh, port: server.ssh.port + 1 } }
  return ours(server, context).map((one) =>
    one.id === 'access' ? ours(elsewhere, context).find(({ id }) => id === 'access')! : one,
  )
}

/** A firewall that forgets SSH. */
export const forgottenPort: Server = changed('firewall/let-in-what-is-declared', (resources) =>
  resources.map((one) =>
    one.id === 'ufw-rules:incoming'
      ? ufwRules({ name: 'incoming', rules: [{ port: 443, protocol: 'tcp' }], others: 'remove' })
      : one,
  ),
)

/** The key that reaches the host is not the one that was declared. */
export const strangersKey: Server = (server, context) =>
  changed('access/let-the-admin-log-in-with-a-key', () => [
    authorizedKeys({
      user: server.admin.user,
      keys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ4xYdVUnIgxTkfrBd0ieltw6Ry8ppu7yUBoNjL6n7eR stranger'],
      others: 'remove',
    }),
  ])(server, context)

/** A line that sshd does not understand, in a file that the check of ours does not read. */
export const brokenSshd: Server = changed('access/harden-sshd', ([folder, ...rest]) => [
  folder!,
  file({ path: '/etc/ssh/sshd_config.d/zz-of-somebody.conf', content: 'Nonsense yes\n' }),
  ...rest,
])

/** A correction of `base` that goes on until /root/go is there. */
export const slow: Server = changed('base/configure-apt', ([first]) => [
  first!,
  file({
    path: '/etc/slow',
    content: 'slow\n',
    check: sh`touch /run/slow; while [ ! -e /root/go ]; do sleep 0.1; done`,
  }),
])

/** Secrets in files and in errors: one file that is written, and one whose check tells all that is in it and fails. */
export const indiscreet: Server = (server, context) => {
  const { password } = server.root
  const content = secretText`password ${password}\n`
  const more = playbook('indiscreet', [
    step('Write a secret', [file({ path: '/etc/secret', content, mode: '0600' })]),
    step('Tell a secret', [file({ path: '/etc/told', content, check: sh`cat "$tmp"; cat "$tmp" >&2; exit 1` })]),
  ])
  return [...ours(server, context), more]
}

function changed(id: string, change: (resources: readonly Resource[]) => readonly Resource[]): Server {
  const one = (step: Step): Step => (step.id === id ? { ...step, resources: change(step.resources) } : step)
  return (server, context) => ours(server, context).map((playbook) => ({ ...playbook, steps: playbook.steps.map(one) }))
}
