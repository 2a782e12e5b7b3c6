import { type Sh, sh } from '../../sh.ts'

/**
 * sh: starts the firewall whole, with IPv6. ufw takes itself for started as long as one of its chains is there, so what is left of
 * it goes first; no policy is opened for that, and what others have in the tables stays. See ufw-framework(8).
 */
export const startUfw: Sh = sh`
sed -i 's/^IPV6=.*/IPV6=yes/' /etc/default/ufw
for v in '' 6; do
  rules=$("ip\${v}tables-save" -t filter)
  printf '%s\n' "$rules" | grep -vE '(^:| )ufw6?-' | "ip\${v}tables-restore"
done
ufw --force enable`
