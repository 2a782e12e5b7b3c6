import { Listr, type ListrTaskWrapper } from 'listr2'

/** One line that lives on the terminal while its step runs. */
export interface TaskLine {
  /** What it is doing right now: the resource, or what apt says. */
  update(text: string): void
  done(text: string): void
  failed(text: string): void
}

/** Steps as listr2 tasks with the time they take: for a terminal only. */
export interface TaskList {
  start(title: string): TaskLine
  /** Lets the renderer draw its last frame. */
  end(): Promise<void>
}

/** A list that grows as the steps start; each is its own listr2 run, so that a step can be a plain `await` of its caller. */
export function taskList(): TaskList {
  let last: Promise<unknown> = Promise.resolve()
  return {
    start: (title) => {
      const ended = Promise.withResolvers<string>()
      const started = Promise.withResolvers<ListrTaskWrapper<unknown, never, never>>()
      const began = Date.now()
      const list = new Listr(
        [
          {
            title,
            task: async (_, task) => {
              started.resolve(task as unknown as ListrTaskWrapper<unknown, never, never>)
              const clock = setInterval(() => {
                task.title = `${title} (${Math.round((Date.now() - began) / 1000)} s)`
              }, 1000)
              try {
                task.title = await ended.promise
              } finally {
                clearInterval(clock)
              }
            },
          },
        ],
        {
          exitOnError: true,
          registerSignalListeners: false,
          rendererOptions: { showErrorMessage: false, collapseErrors: false },
        },
      )
      last = last.then(() => list.run()).catch(() => undefined)
      return {
        update: (text) => void started.promise.then((task) => (task.output = text)),
        done: (text) => ended.resolve(text),
        failed: (text) => ended.reject(new Error(text)),
      }
    },
    end: async () => void (await last),
  }
}
