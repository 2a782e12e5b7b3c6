/** All that stands in /etc/apt/apt.conf.d, but that unattended-upgrades installs from these hosts alone: see apt.conf(5). */
export const updatesOfOthers = (hosts: readonly string[]): string => `// Written by provision.
#include /etc/apt/apt.conf.d/;
Dir::Etc::Parts "/dev/null";
#clear Unattended-Upgrade::Origins-Pattern;
Unattended-Upgrade::Origins-Pattern {
${hosts.map((host) => `\t"site=${host}";\n`).join('')}};
`
