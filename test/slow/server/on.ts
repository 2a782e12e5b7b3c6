import { type TestContext, test } from 'node:test'
import { asInstalled, type Installed } from '../../support/install.ts'

/** The server that a file of tests is about: made before its first test. */
export type Server = () => Installed

/** A test on the server. When it fails the host is as installed again, so that one fault is one failure. */
export function on(server: Server, title: string, body: (it: Installed, t: TestContext) => Promise<void>): void {
  test(title, async (t) => {
    try {
      await body(server(), t)
    } catch (error) {
      await server().host.restore(asInstalled)
      throw error
    }
  })
}
