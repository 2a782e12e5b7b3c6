import { createHash } from 'node:crypto'

/** What a mail client has to know to set itself up for an address of a domain. */
export interface MailSettings {
  readonly domain: string
  /** The mail server: 993 to read, 465 to send, both with TLS from the first byte. The user name is the address. */
  readonly mx: string
}

/** Thunderbird’s, and that of others who read it: https://www.bucksch.org/1/projects/thunderbird/autoconfiguration/config-file-format.html */
export const thunderbird = ({ domain, mx }: MailSettings): string => `<?xml version="1.0" encoding="UTF-8"?>
<clientConfig version="1.1">
  <emailProvider id="${domain}">
    <domain>${domain}</domain>
    <displayName>${domain}</displayName>
    <displayShortName>${domain}</displayShortName>
    <incomingServer type="imap">
      <hostname>${mx}</hostname>
      <port>993</port>
      <socketType>SSL</socketType>
      <authentication>password-cleartext</authentication>
      <username>%EMAILADDRESS%</username>
    </incomingServer>
    <outgoingServer type="smtp">
      <hostname>${mx}</hostname>
      <port>465</port>
      <socketType>SSL</socketType>
      <authentication>password-cleartext</authentication>
      <username>%EMAILADDRESS%</username>
    </outgoingServer>
  </emailProvider>
</clientConfig>
`

/** Outlook’s. Without a LoginName it takes the address: https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-oxdscli */
export const outlook = ({ mx }: MailSettings): string => `<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006">
  <Response xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a">
    <Account>
      <AccountType>email</AccountType>
      <Action>settings</Action>
${protocol('IMAP', mx, 993)}${protocol('SMTP', mx, 465)}    </Account>
  </Response>
</Autodiscover>
`

/** A profile for iPhone, iPad and Mac, which asks for address and password: https://developer.apple.com/documentation/devicemanagement/mail */
export const apple = ({ domain, mx }: MailSettings): string => `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
${head('Configuration', domain, '')}
	<key>PayloadContent</key>
	<array>
		<dict>
${head('com.apple.mail.managed', domain, '.mail')}
			<key>EmailAccountDescription</key><string>${domain}</string>
			<key>EmailAccountType</key><string>EmailTypeIMAP</string>
			<key>IncomingMailServerAuthentication</key><string>EmailAuthPassword</string>
			<key>IncomingMailServerHostName</key><string>${mx}</string>
			<key>IncomingMailServerPortNumber</key><integer>993</integer>
			<key>IncomingMailServerUseSSL</key><true/>
			<key>OutgoingMailServerAuthentication</key><string>EmailAuthPassword</string>
			<key>OutgoingMailServerHostName</key><string>${mx}</string>
			<key>OutgoingMailServerPortNumber</key><integer>465</integer>
			<key>OutgoingMailServerUseSSL</key><true/>
			<key>OutgoingPasswordSameAsIncomingPassword</key><true/>
		</dict>
	</array>
</dict>
</plist>
`

const protocol = (type: 'IMAP' | 'SMTP', mx: string, port: number): string => `      <Protocol>
        <Type>${type}</Type>
        <Server>${mx}</Server>
        <Port>${port}</Port>
        <DomainRequired>off</DomainRequired>
        <SPA>off</SPA>
        <SSL>on</SSL>
        <AuthRequired>on</AuthRequired>
      </Protocol>
`

/** The same UUID for the same domain: a profile that is installed again replaces itself. */
const head = (type: string, domain: string, part: string): string => `	<key>PayloadType</key><string>${type}</string>
	<key>PayloadVersion</key><integer>1</integer>
	<key>PayloadIdentifier</key><string>${domain.split('.').toReversed().join('.')}.provision${part}</string>
	<key>PayloadUUID</key><string>${uuid(`${domain}${part}`)}</string>
	<key>PayloadDisplayName</key><string>Mail of ${domain}</string>`

/** Version 8 of RFC 9562: made of a digest. */
function uuid(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex').toUpperCase()
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `A${hex.slice(17, 20)}`, hex.slice(20, 32)].join('-')
}
