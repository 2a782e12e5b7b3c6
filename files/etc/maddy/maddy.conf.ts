/** What maddy's configuration is made of. */
export interface MaddyConf {
  /** The MX name: banner, EHLO, certificate. */
  readonly hostname: string
  readonly primaryDomain: string
  /** All local domains, the primary one among them. */
  readonly domains: readonly string[]
  /** The selector that each of them signs with. */
  readonly selectors: ReadonlyMap<string, string>
  readonly certificate: string
  /** What an account is: an address of its own; a name with a mailbox in every domain; a name with one mailbox. */
  readonly mode: 'separate' | 'same_credentials' | 'same_mailbox'
  /** Domains in which what has no mailbox and no alias goes to this address. */
  readonly catchAll: readonly { readonly domain: string; readonly to: string }[]
  /** The address of the account that only sends, and who gets what it is sent. */
  readonly system: { readonly address: string; readonly to: string }
  /** Whether rspamd is asked about what strangers send. */
  readonly rspamd: boolean
  /** Whether people of an LDAP directory log in as well. */
  readonly ldap: boolean
  /** Recipients of one submitted message. */
  readonly maxRecipients: number
}

/**
 * /etc/maddy/maddy.conf. Relay is refused on 25; submission needs a login, and its sender has to be an address of the login's own
 * or an alias of one. See maddy.conf(5) and https://maddy.email, version 0.9.
 */
export const maddyConf = ({
  hostname,
  primaryDomain,
  domains,
  selectors,
  certificate,
  mode,
  catchAll,
  system,
  rspamd,
  ldap,
  maxRecipients,
}: MaddyConf): string => `# Written by provision.
$(hostname) = ${hostname}
$(primary_domain) = ${primaryDomain}
$(local_domains) = ${domains.join(' ')}

# TLS 1.0 and 1.1 must not be offered any more (RFC 8996), and maddy would; nor suites with CBC.
tls {
    loader file ${certificate}/fullchain.pem ${certificate}/privkey.pem
    protocols tls1.2 tls1.3
    ciphers ECDHE-ECDSA-WITH-AES256-GCM-SHA384 ECDHE-ECDSA-WITH-CHACHA20-POLY1305 ECDHE-ECDSA-WITH-AES128-GCM-SHA256
}

# Without it a reload with a bad configuration ends the daemon.
log stderr

hostname $(hostname)
${accounts[mode].login(domains)}
auth.pass_table local_authdb {
    table sql_table {
        driver sqlite3
        dsn credentials.db
        table_name passwords
    }
}
${ldap ? directory : ''}
storage.imapsql local_mailboxes {
    driver sqlite3
    dsn imapsql.db
${accounts[mode].delivery}}
${accounts[mode].mailboxes(domains)}
table.chain local_rewrites {
    optional_step regexp "(.+)\\+(.+)@(.+)" "$1@$3"
    optional_step static {
        entry postmaster postmaster@$(primary_domain)
    }
    optional_step file /etc/maddy/aliases
}

msgpipeline local_routing {
    destination postmaster $(local_domains) {
        modify {
            # Not an alias: an alias may not be sent as by the account of that name.
            replace_rcpt static {
                entry ${system.address} ${system.to}
            }
            replace_rcpt &local_rewrites
        }
        reroute {
            destination_in &${accounts[mode].known} {
                deliver_to &local_mailboxes
            }
${catchAll.map(destinationOf).join('')}            destination $(local_domains) {
                reject 550 5.1.1 "User doesn't exist"
            }
            default_destination {
                deliver_to &remote_queue
            }
        }
    }
    default_destination {
        reject 550 5.1.1 "User doesn't exist"
    }
}

smtp tcp://0.0.0.0:25 {
    # Each mail holds one of these from its first recipient on, so one address must not be able to hold them all: the kernel lets it have
    # 20 connections (/etc/nftables.d/provision.nft). maddy's own limits by address are not used: they are never freed.
    limits {
        all rate 50 1s
        all concurrency 200
    }
    # RFC 5321 4.5.3.2 wants five minutes.
    read_timeout 5m
    max_recipients 200
    ${longLines}
    dmarc yes
    check {
${gate('incoming')}        require_mx_record
        dkim
        spf
${rspamd ? askRspamd : ''}    }
    source $(local_domains) {
        reject 501 5.1.8 "Use Submission for outgoing SMTP"
    }
    default_source {
        destination postmaster $(local_domains) {
            deliver_to &local_routing
        }
        default_destination {
            reject 550 5.7.1 "Relaying denied"
        }
    }
}

submission tls://0.0.0.0:465 tcp://0.0.0.0:587 {
    # A stolen password is not worth much: what a login sends within an hour is counted by provision-mail-check.
    max_recipients ${maxRecipients}
    ${longLines}
    limits {
        all rate 50 1s
    }
    # Outlook knows no PLAIN.
    sasl_login yes
${accounts[mode].submission(domains)}    auth &local_authdb
${ldap ? '    auth &directory\n' : ''}    check {
${gate('submission')}    }
    source $(local_domains) {
        check {
            authorize_sender {
                prepare_email &local_rewrites
${accounts[mode].senders}            }
        }
        destination postmaster $(local_domains) {
            deliver_to &local_routing
        }
        default_destination {
            modify {
${signing(domains, selectors)}            }
            deliver_to &remote_queue
        }
    }
    default_source {
        reject 501 5.1.8 "Non-local sender domain"
    }
}

target.remote outbound_delivery {
    limits {
        destination rate 20 1s
        destination concurrency 10
    }
    mx_auth {
        dane
        mtasts {
            cache fs
            fs_dir mtasts_cache/
        }
        local_policy {
            min_tls_level encrypted
            min_mx_level none
        }
    }
}

target.queue remote_queue {
    target &outbound_delivery
    autogenerated_msg_domain $(primary_domain)
    bounce {
        destination postmaster $(local_domains) {
            deliver_to &local_routing
        }
        default_destination {
            reject 550 5.0.0 "Refusing to send DSNs to non-local addresses"
        }
    }
}

# 993 only: on 143 a password would go over the wire before TLS does.
imap tls://0.0.0.0:993 {
${accounts[mode].sasl}    auth &local_authdb
${ldap ? '    auth &directory\n' : ''}    storage &local_mailboxes
${accounts[mode].storage}}
`

/** Only of our own domains: of any other one the part before the @ says nothing. */
const ofOurs = (domains: readonly string[]) => `@(${domains.map((domain) => domain.replaceAll('.', '[.]')).join('|')})`

/** Where the modes differ. Each step of a chain has a line of its own. */
const saslLogin = '    sasl_login yes\n'
const accounts = {
  separate: {
    login: () => '',
    submission: () => '',
    sasl: saslLogin,
    delivery: '',
    mailboxes: () => '',
    known: 'local_mailboxes',
    senders: '                user_to_email identity\n',
    storage: '',
  },
  same_credentials: {
    login: (domains: readonly string[]) => `\nauth_map regexp "([^@]+)${ofOurs(domains)}" "$1"\n`,
    // With LOGIN maddy 0.9.5 maps the name twice, and goes on with the mapped one. On 993 that would be the wrong mailbox: PLAIN alone.
    submission: (domains: readonly string[]) => `    auth_map regexp "([^@]+)(${ofOurs(domains)})?" "$1"\n`,
    sasl: '',
    delivery: '',
    mailboxes: () => '',
    known: 'local_mailboxes',
    senders: sendersOf('email_localpart_optional'),
    storage: '',
  },
  same_mailbox: {
    login: (domains: readonly string[]) => `\nauth_map regexp "([^@]+)(${ofOurs(domains)})?" "$1"\n`,
    submission: () => '',
    sasl: saslLogin,
    delivery: '    delivery_map email_localpart_optional\n',
    mailboxes: (domains: readonly string[]) => `
table.chain local_accounts {
    step regexp "([^@]+)${ofOurs(domains)}" "$1"
    step &local_mailboxes
}
`,
    known: 'local_accounts',
    senders: sendersOf('email_localpart_optional'),
    storage: '    storage_map email_localpart_optional\n',
  },
} as const

function sendersOf(name: string): string {
  return `                user_to_email chain {
                    step ${name}
                    step email_with_domain $(local_domains)
                }
`
}

/** Real senders write whole letters in one line; the default of 4,000 bytes ends in "Internal server error". In bytes. */
const longLines = 'smtp_max_line_length 1048576'

/** The answers to what provision-mail-check exits with. Any other end of it, of a signal too, is 450 to maddy; 1 and 2 would be more. */
const gate = (way: 'incoming' | 'submission'): string => {
  const failed = 'reject 451 4.3.0 "The message could not be checked, try again later"'
  const before: readonly Answer[] = [
    ...[1, 2, 75, 255].map((code): Answer => [code, failed]),
    [170, 'reject 452 4.3.1 "Insufficient system storage, try again later"'],
    [171, 'reject 450 4.7.1 "This login has sent too many messages within an hour, try again later"'],
  ]
  const check = (
    stage: string,
    more: string,
    answers: readonly Answer[],
  ) => `        command /usr/local/sbin/provision-mail-check ${stage} ${way} "{auth_user}"${more} {
            run_on ${stage}
${answers.map(([code, action]) => `            code ${code} ${action}\n`).join('')}        }
`
  return check('sender', '', before) + check('body', ' "{rcpts}"', [...before, ...malformed, ...headers[way]])
}
type Answer = readonly [code: number, action: string]

/** What the storage cannot parse. */
const malformed: readonly Answer[] = [
  [150, 'a multipart without a boundary'],
  [151, 'a part that is not closed by its boundary'],
  [152, 'a line in the header of a part that is no header field'],
  [153, 'a boundary line that is too long or followed by other text'],
  [154, 'too many parts, or parts nested too deeply'],
].map(([code, what]) => [Number(code), `reject 550 5.6.0 "Malformed message: ${what}"`])

/** What the header says of its author: DMARC must be able to check it, and a login may only speak for itself. */
const headers: Readonly<Record<'incoming' | 'submission', readonly Answer[]>> = {
  incoming: [
    [140, 'quarantine'],
    [155, 'reject 550 5.7.1 "There must be exactly one From field, with an address (RFC 7489 6.6.1)"'],
    [156, 'reject 550 5.7.1 "The From field cannot be read, so DMARC cannot be checked (RFC 7489 6.6.1)"'],
    [157, 'reject 550 5.7.1 "The From field has several addresses, so DMARC cannot be checked (RFC 7489 6.6.1)"'],
  ],
  submission: [
    [160, 'reject 553 5.7.1 "There must be exactly one From field, with exactly one address"'],
    [161, 'reject 553 5.7.1 "A Sender field must have the same address as From"'],
  ],
}

/** One signature a mail, by the key of its domain; where a key comes to one domain before the others, each selector has its own line. */
function signing(domains: readonly string[], selectors: ReadonlyMap<string, string>): string {
  const groups = Map.groupBy(domains, (domain) => selectors.get(domain) ?? 'default')
  const line = (of: string, selector: string) => `                dkim ${of} ${selector}\n`
  return groups.size === 1
    ? line('$(primary_domain) $(local_domains)', [...groups.keys()][0]!)
    : [...groups].map(([selector, names]) => line(names.join(' '), selector)).join('')
}

const destinationOf = ({ domain, to }: { domain: string; to: string }): string => `            destination ${domain} {
                modify {
                    replace_rcpt regexp ".*" "${to}"
                }
                deliver_to &local_mailboxes
            }
`

/** While it does not answer, mail comes in as without it. It has no time-out of its own: rspamd's task_timeout, 8 s, is one. */
const askRspamd = `        rspamd http://127.0.0.1:11333 {
            io_error_action ignore
            error_resp_action ignore
        }
`

/** Asked only for what the declared accounts do not answer. maddy's auth.ldap does not start while its server is down. */
const directory = `
auth.external directory {
    helper /usr/local/sbin/provision-ldap
    perdomain yes
    domains $(local_domains)
}
`
