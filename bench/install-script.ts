import type { Step } from '../src/engine/step.ts'
import { Secret } from '../src/secret.ts'
import { lines, type Sh, sh } from '../src/sh.ts'

/**
 * The install as somebody writes it by hand who wants it short and fast: packages in one go, then files, users, the firewall and
 * the services, in the order of the playbooks and with their texts. It looks at nothing, undoes nothing and can be run once.
 */
export function installScript(steps: readonly Step[], operator: string): string {
  const all = steps.flatMap(({ resources }) => resources)
  // biome-ignore lint/suspicious/noExplicitAny: what is wanted of a resource is known to its kind only
  const of = (kind: string) => all.filter((one) => one.kind.name === kind).map(({ desired }) => desired as any)
  const packages = of('packages')
  return sh`set -e
export LC_ALL=C DEBIAN_FRONTEND=noninteractive
while fuser -s /var/lib/dpkg/lock-frontend 2>/dev/null; do sleep 1; done
${of('directory').map(({ path, mode = '0755', owner = 'root', group = 'root' }) => sh`case ${path} in */journal) ;; *) install -d -m ${mode} -o ${owner} -g ${group} ${path} ;; esac`)}
${write(of('file').filter(({ path }) => path.startsWith('/etc/apt/')))}
apt-get -q -y update
apt-get -q -y -o Dpkg::Options::=--force-confold full-upgrade
apt-get -q -y install --no-install-recommends ${packages.flatMap(({ installed = [] }) => installed)}
apt-get -q -y purge ${packages.flatMap(({ absent = [] }) => absent)} || :
apt-get -q -y autoremove --purge
${of('hostname').map(
  ({ name }) => sh`printf '%s\n' ${name} > /etc/hostname
hostname ${name}`,
)}
${of('time-zone').map(
  ({ name }) => sh`ln -sfn ${`/usr/share/zoneinfo/${name}`} /etc/localtime
printf '%s\n' ${name} > /etc/timezone`,
)}
${of('locales').map(
  ({ generated, default: first }) => sh`printf '%s UTF-8\n' ${generated} > /etc/locale.gen
locale-gen
printf 'LANG=%s\n' ${first} > /etc/default/locale`,
)}
${of('user').map(({ name, uid, groups = [] }) => sh`useradd --create-home --shell /bin/bash --uid ${uid ?? 1000} --groups ${groups.join(',')} ${name}`)}
${of('authorized-keys').map(
  ({ user }) => sh`install -d -m 0700 -o ${user} -g ${user} ${`/home/${user}/.ssh`}
printf '%s\n' ${operator} > ${`/home/${user}/.ssh/authorized_keys`}
chmod 0600 ${`/home/${user}/.ssh/authorized_keys`}
chown ${`${user}:${user}`} ${`/home/${user}/.ssh/authorized_keys`}`,
)}
${write(of('file').filter(({ path }) => !path.startsWith('/etc/apt/')))}
visudo -cq
sshd -t
install -d -m 2755 -g systemd-journal /var/log/journal
systemctl restart systemd-journald.service
systemd-tmpfiles --create --prefix /var/log/journal
printf 'root:%s\n' Some-password-of-four-groups | chpasswd
ufw default deny incoming
ufw default allow outgoing
${of('ufw-rules')
  .filter(({ name }) => name === 'incoming')
  .flatMap(({ rules }) => rules)
  .map(({ port, protocol, from }) =>
    from === undefined
      ? sh`ufw allow ${`${port}/${protocol}`}`
      : sh`ufw allow from ${from} to any port ${port} proto ${protocol}`,
  )}
ufw --force enable
${of('service').map(({ unit, state = 'on' }) =>
  state === 'on'
    ? sh`systemctl -q enable ${unit}
systemctl restart ${unit}`
    : sh`systemctl -q disable --now ${unit} || :`,
)}
`.text
}

function write(files: readonly { readonly path: string; readonly content: string | Secret; readonly mode?: string }[]): Sh {
  return lines(
    files.map(
      ({ path, content, mode = '0644' }) => sh`mkdir -p ${path.replace(/\/[^/]*$/, '')}
printf %s ${content instanceof Secret ? '' : content} > ${path}
chmod ${mode} ${path}`,
    ),
  )
}
