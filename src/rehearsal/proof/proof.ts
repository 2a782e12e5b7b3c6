/** One thing that a finished server does, tried with a real client. Throws when it does not. */
export interface Proof {
  readonly title: string
  try(): Promise<string>
}
