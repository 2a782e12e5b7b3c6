/**
 * What unattended-upgrades may install, and that it runs. `Origins-Pattern` adds up across files, so it is cleared first: what
 * stands here is all. It covers Debian only; see unattended-upgrade(8) and apt.conf(5).
 */
export const updates = ({ automatic }: { readonly automatic: boolean }): string => `// Written by provision.
APT::Periodic::Update-Package-Lists "1";
APT::Periodic::Unattended-Upgrade "${automatic ? 1 : 0}";
APT::Periodic::AutocleanInterval "7";
#clear Unattended-Upgrade::Origins-Pattern;
Unattended-Upgrade::Origins-Pattern {
	"origin=Debian,codename=\${distro_codename},label=Debian";
	"origin=Debian,codename=\${distro_codename}-updates,label=Debian";
	"origin=Debian,codename=\${distro_codename}-security,label=Debian-Security";
};
// What is ours stays as we wrote it.
Dpkg::Options { "--force-confdef"; "--force-confold"; };
Unattended-Upgrade::Remove-Unused-Dependencies "true";
// When to reboot is the operator's to say.
Unattended-Upgrade::Automatic-Reboot "false";
`
