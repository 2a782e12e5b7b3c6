import { internetDomain } from '../../../src/rehearsal/internet/service.ts'
import type { Machine } from '../../../src/rehearsal/machine/machine.ts'
import type { Rehearsal } from '../../../src/rehearsal/open.ts'
import { type Sh, sh } from '../../../src/sh.ts'

/** Where the archive that plays Sury's is seen. */
export const archive = { host: `apt.${internetDomain}`, url: `http://apt.${internetDomain}:8099/php/` } as const

const site = '/srv/sury'

/** Somebody else's archive of PHP 8.3, small and signed: its PHP is Debian's 8.2 under another name. Answers its key's fingerprint. */
export async function makeArchive({ internet, addresses, aptProxy }: Rehearsal): Promise<string> {
  const said = await internet.must(sh`set -e
exec 3>&1 >&2
rm -rf ${site}/php ${site}/build
mkdir -p ${site}/php/dists/bookworm/main/binary-amd64 ${site}/php/pool ${site}/build
cd ${site}/build
export DEBIAN_FRONTEND=noninteractive
apt-get -q -o Acquire::http::Proxy=${aptProxy} update
apt-get -q -y -o Acquire::http::Proxy=${aptProxy} install --no-install-recommends gpg gpg-agent
for name in ours other; do
  mkdir -p -m 700 ${site}/$name
  [ -n "$(ls -A ${site}/$name)" ] || gpg --homedir ${site}/$name --batch --quiet --passphrase '' --quick-generate-key "$name" ed25519 sign never
done
gpg --homedir ${site}/ours --export > ${site}/php/apt.gpg
${pack('php8.3-cli', '8.3.99', 'php8.2-cli, php8.3-common-data')}
${pack('php8.3-mysql', '8.3.99', 'php8.2-mysql')}
# What PHP needs and Debian has not, what Debian has and they have newer, and the key for everything.
${pack('php8.3-common-data', '1', 'libonlythere')}
${pack('libonlythere', '1', '')}
${pack('tree', '99', '')}
mkdir -p keyring/etc/apt/trusted.gpg.d keyring/usr/share/keyrings
cp ${site}/php/apt.gpg keyring/etc/apt/trusted.gpg.d/debsuryorg-archive.gpg
cp ${site}/php/apt.gpg keyring/usr/share/keyrings/debsuryorg-archive-keyring.gpg
mkdir -p keyring/DEBIAN
printf '/etc/apt/trusted.gpg.d/debsuryorg-archive.gpg\n' > keyring/DEBIAN/conffiles
${pack('debsuryorg-archive-keyring', '1', '', 'keyring')}
apt-get -q -o Acquire::http::Proxy=${aptProxy} -o APT::Sandbox::User=root download php-common
rm -rf common
dpkg-deb -R php-common_*.deb common
sed -i 's/^Version: .*/Version: 2:95/; s/^Depends: /Depends: debsuryorg-archive-keyring, /' common/DEBIAN/control
dpkg-deb -b common ${site}/php/pool/php-common_95.deb
mkdir -p fpm/usr/sbin fpm/etc/php/8.3/fpm/pool.d fpm/lib/systemd/system fpm/DEBIAN
ln -sf php-fpm8.2 fpm/usr/sbin/php-fpm8.3
printf '[global]\npid = /run/php/php8.3-fpm.pid\ninclude = /etc/php/8.3/fpm/pool.d/*.conf\n' > fpm/etc/php/8.3/fpm/php-fpm.conf
printf '[www]\nuser = www-data\nlisten = /run/php/php8.3-fpm.sock\npm = ondemand\npm.max_children = 1\n' > fpm/etc/php/8.3/fpm/pool.d/www.conf
printf '[Service]\nType=notify\nEnvironment=PHP_INI_SCAN_DIR=/etc/php/8.2/fpm/conf.d\nRuntimeDirectory=php\nRuntimeDirectoryPreserve=yes\nExecStart=/usr/sbin/php-fpm8.3 --nodaemonize --fpm-config /etc/php/8.3/fpm/php-fpm.conf\nExecReload=/bin/kill -USR2 $MAINPID\n[Install]\nWantedBy=multi-user.target\n' > fpm/lib/systemd/system/php8.3-fpm.service
printf '/etc/php/8.3/fpm/php-fpm.conf\n/etc/php/8.3/fpm/pool.d/www.conf\n' > fpm/DEBIAN/conffiles
${pack('php8.3-fpm', '8.3.99', 'php8.2-fpm, php-common (>= 2:94)', 'fpm')}
${publish('ours')}
systemctl reset-failed rehearsal-sury.service 2>/dev/null || :
systemctl is-active -q rehearsal-sury.service || systemd-run -q --unit=rehearsal-sury -p WorkingDirectory=${site} python3 -m http.server 8099 --bind ${addresses.roles.apt.v4}
gpg --homedir ${site}/ours --with-colons --list-keys | awk -F: '$1 == "fpr" { print $10; exit }' >&3`)
  return said.trim()
}

/** Publishes one more version of a package there. */
export const newer = (internet: Machine, version: string): Promise<string> =>
  internet.must(sh`set -e
cd ${site}/build
${pack('php8.3-cli', version, 'php8.2-cli, php8.3-common-data')}
${publish('ours')}`)

/** Signs it with its own key, or with somebody else's. */
export const signBy = (internet: Machine, key: 'ours' | 'other'): Promise<string> => internet.must(sh`set -e; ${publish(key)}`)

/** Ends it, or lets it answer again. */
export const answer = ({ internet, addresses }: Rehearsal, on: boolean): Promise<string> =>
  internet.must(
    on
      ? sh`systemd-run -q --unit=rehearsal-sury -p WorkingDirectory=${site} python3 -m http.server 8099 --bind ${addresses.roles.apt.v4}; until curl -fsS -o /dev/null ${`http://${addresses.roles.apt.v4}:8099/php/apt.gpg`}; do sleep 0.2; done`
      : sh`systemctl stop rehearsal-sury.service`,
  )

function pack(name: string, version: string, depends: string, folder = `empty-${name}`): Sh {
  const control = `Package: ${name}\nVersion: ${version}\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\n${depends === '' ? '' : `Depends: ${depends}\n`}Description: for a rehearsal\n`
  return sh`
mkdir -p ${`${folder}/DEBIAN`}
printf %s ${control} > ${`${folder}/DEBIAN/control`}
dpkg-deb -b ${folder} ${`${site}/php/pool/${name}_${version}.deb`}`
}

/** The index of what is there, and its signature. */
const publish = (key: 'ours' | 'other'): Sh => sh`(
cd ${site}/php
for deb in pool/*.deb; do
  dpkg-deb -f "$deb"
  printf 'Filename: %s\nSize: %s\nSHA256: %s\n\n' "$deb" "$(stat -c %s "$deb")" "$(sha256sum < "$deb" | cut -c1-64)"
done > dists/bookworm/main/binary-amd64/Packages
cd dists/bookworm
{ printf 'Origin: deb.sury.org\nSuite: bookworm\nCodename: bookworm\nDate: %s\nArchitectures: amd64 arm64\nComponents: main\nSHA256:\n' "$(date -Ru)"
  printf ' %s %s main/binary-amd64/Packages\n' "$(sha256sum < main/binary-amd64/Packages | cut -c1-64)" "$(stat -c %s main/binary-amd64/Packages)"
} > Release
gpg --homedir ${`${site}/${key}`} --batch --quiet --yes --clearsign -o InRelease Release
)`
