import * as z from 'zod'

/** What a key is called: of a DKIM key it is the selector. */
export const KeyName = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, 'is not a valid selector: letters, digits and hyphens, in lower case')

/** A moment, to the minute or the second, in UTC. */
const Moment = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?Z$/, { error: 'is not a valid time in UTC: 2026-11-21T18:30Z', abort: true })
  .refine((text) => !Number.isNaN(Date.parse(text)), 'is not a valid time in UTC: 2026-11-21T18:30Z')

/** Which key is in use, and which one comes or goes: what `rotate` writes and goes on from. */
export const rotation = (key: string) =>
  z
    .strictObject({
      key: KeyName.default('default').meta({ description: key }),
      next: KeyName.optional().meta({
        example: 's202611',
        description: 'the key that comes: published already, and not used yet',
      }),
      retired: KeyName.optional().meta({
        example: 'default',
        description: 'the key that goes: published still, and not used any more',
      }),
      since: Moment.optional().meta({
        example: '2026-11-21T18:30Z',
        description: 'since when every name server shows the next one, or the retired one is out of use',
      }),
      ttl: z.int().min(1).max(2_147_483_647).optional().meta({
        example: 86_400,
        description:
          'how long others may keep what was published before the next one, in seconds, where that is longer than usual: twice as long is waited',
      }),
    })
    .refine(
      ({ next, retired }) => next === undefined || retired === undefined,
      'has one key that comes and one that goes: one at a time',
    )
    .refine(({ key, next, retired }) => key !== next && key !== retired, 'calls two keys by one name')
    .prefault({})

/** The keys of one purpose: the one in use, and one that comes or one that goes. */
export interface Rotation {
  readonly key: string
  readonly next?: string | undefined
  readonly retired?: string | undefined
  readonly since?: string | undefined
  /** Seconds. */
  readonly ttl?: number | undefined
}

/** Every key that others have to find in the DNS. */
export const liveKeys = ({ key, next, retired }: Rotation): readonly string[] =>
  [key, next, retired].filter((one) => one !== undefined)

/** The key that everybody begins with: maddy's, acme.sh's. */
export const firstKey = 'default'

/** Where maddy reads the DKIM key of a selector, and where what is published of it is kept. */
export const dkimFiles = (domain: string, selector: string): Readonly<Record<'key' | 'record', `/${string}`>> => {
  const file = `/var/lib/maddy/dkim_keys/${domain}_${selector}` as const
  return { key: `${file}.key`, record: `${file}.dns` }
}

/** Where a key of the mail certificate is, by its name. */
export const certificateKeyPath = (mx: string, key: string): `/${string}` => `/var/lib/acme/keys/${mx}_${key}.pem`
