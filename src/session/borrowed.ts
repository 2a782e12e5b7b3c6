import type { Sh } from '../sh.ts'
import type { Connection } from '../ssh/options.ts'

/** The logins of one run, so that all of them are closed at its end, and each script is heard before it runs. */
export interface Logins {
  /** The same connection; new logins that come out of it are remembered too. */
  add(connection: Connection): Connection
  close(): Promise<void>
}

/** `heard` gets the scripts as they may be shown: for `--verbose`. */
export function borrowedLogins(heard: ((script: string) => void) | undefined): Logins {
  const all: Connection[] = []
  const hear = (script: Sh): Sh => {
    heard?.(script.shown)
    return script
  }
  const add = (connection: Connection): Connection => {
    all.push(connection)
    return {
      get as() {
        return connection.as
      },
      get user() {
        return connection.user
      },
      get port() {
        return connection.port
      },
      get hostKey() {
        return connection.hostKey
      },
      get execs() {
        return connection.execs
      },
      run: (script, silenceMs) => connection.run(hear(script), silenceMs),
      work: (script, onLine) => connection.work(hear(script), onLine),
      put: (path, sha256) => connection.put(path, sha256),
      lock: (who) => connection.lock(who),
      needKey: () => connection.needKey(),
      again: async (limitMs, at) => add(await connection.again(limitMs, at)),
      close: () => connection.close(),
    }
  }
  return {
    add,
    close: async () => {
      for (const one of all.toReversed()) await one.close()
    },
  }
}
