import type { Finding } from './check.ts'

/** One finding as a line that stands by itself: `error: ports: 25/tcp over IPv4: is refused`. */
export const line = (id: string, { verdict, subject, message }: Finding): string => `${verdict}: ${id}: ${subject}: ${message}`
