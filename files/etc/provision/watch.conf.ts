import { sh } from '../../../src/sh.ts'
import { curlOf } from '../../usr/local/sbin/provision-notify.ts'

/** What `provision-watch` checks beyond what every host has. */
export interface WatchSettings {
  /** What should run. */
  readonly units: readonly string[]
  /** Our addresses as they are looked up, `10.2.0.192`, with the lists that know of such and the test entry of each list. */
  readonly blocklists: readonly { readonly list: string; readonly own: string; readonly test: string }[]
  /** Messages and recipients of one login within an hour that are more than a person writes. */
  readonly messages: number
  readonly recipients: number
  /** The file that `heartbeatCurl` is written to. */
  readonly heartbeat: `/${string}` | undefined
  /** What the probe logs in as: its mail is not counted. */
  readonly probe: string
}

/** Where the watch keeps what it has reported, and what it reads there. */
export const watchPlaces = { told: '/var/lib/provision/watch', overlay: '/var/lib/provision/watch/overlay-ends' } as const

/** /etc/provision/watch.conf: variables that `provision-watch` reads. */
export const watchConf = ({ units, blocklists, messages, recipients, heartbeat, probe }: WatchSettings): string =>
  `${
    sh`# Written by provision.
units=${units.join(' ')}
blocklists=${blocklists.map(({ list, own, test }) => `${list} ${own} ${test}`).join(' ')}
messages=${messages}
recipients=${recipients}
heartbeat=${heartbeat ?? ''}
probe=${probe}`.text
  }\n`

/** What curl is told to say that the host is alive and was checked, in a file: anyone who knows the URL can say so too. */
export const heartbeatCurl = (url: string): string => `# Written by provision.
${curlOf(url)}`
