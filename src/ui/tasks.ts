import { Listr, type ListrTaskWrapper } from 'listr2'

/** One line that lives on the terminal while its step runs. */
export interface TaskLine {
  /** What it is doing right now: the resource, or what apt says. */
  update(text: string): void
  /** Its last words; what is printed after the promise stands below them. */
  done(text: string): Promise<void>
  failed(text: string): Promise<void>
}

/** A step as a listr2 task with the time it takes: for a terminal only. Each is its own list, so a step stays a plain `await` of its caller. */
export function taskLine(title: string): TaskLine {
  const ended = Promise.withResolvers<string>()
  const began = performance.now()
  let task: ListrTaskWrapper<unknown, never, never> | undefined
  const list = new Listr(
    [
      {
        title,
        task: async (_, wrapper) => {
          task = wrapper as unknown as typeof task
          const clock = setInterval(() => {
            wrapper.title = `${title} (${Math.round((performance.now() - began) / 1000)} s)`
          }, 1000)
          try {
            wrapper.title = await ended.promise
          } finally {
            clearInterval(clock)
          }
        },
      },
    ],
    { registerSignalListeners: false, rendererOptions: { showErrorMessage: false, collapseErrors: false } },
  )
  // A failed step is told by the error that its caller throws.
  const drawn = list.run().then(
    () => undefined,
    () => undefined,
  )
  return {
    update: (text) => {
      if (task !== undefined) task.output = text
    },
    done: (text) => {
      ended.resolve(text)
      return drawn
    },
    failed: (text) => {
      ended.reject(new Error(text))
      return drawn
    },
  }
}
