/**
 * sshd with keys only. The name begins with 00 because the first value wins, and a provider's 50-cloud-init.conf turns
 * passwords on. \`Port\` adds up instead: what else sets it is found by the listening sockets. See sshd_config(5).
 */
export const sshd = ({
  port,
  users,
}: {
  readonly port: number
  readonly users: readonly string[]
}): string => `# Written by provision.
Port ${port}
# Nobody else, whatever accounts an image or a package brings. What other files name here is added to it.
AllowUsers ${users.join(' ')}
PermitRootLogin no
PasswordAuthentication no
KbdInteractiveAuthentication no
PubkeyAuthentication yes
# Debian reads authorized_keys2 as well, where nobody looks for a key.
AuthorizedKeysFile .ssh/authorized_keys
# A dead connection is noticed within three minutes.
ClientAliveInterval 60
ClientAliveCountMax 3
X11Forwarding no
# What ssh-audit calls weak goes; what our own client speaks stays.
KexAlgorithms sntrup761x25519-sha512@openssh.com,curve25519-sha256,curve25519-sha256@libssh.org
HostKeyAlgorithms ssh-ed25519,rsa-sha2-512,rsa-sha2-256
Ciphers chacha20-poly1305@openssh.com,aes256-gcm@openssh.com,aes128-gcm@openssh.com,aes256-ctr,aes128-ctr
MACs hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com
RequiredRSASize 3072
`
