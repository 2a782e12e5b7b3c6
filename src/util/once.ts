/** The same work, begun at the first call; every later one gets what came of that. */
export function once<T>(work: () => Promise<T>): () => Promise<T> {
  let going: Promise<T> | undefined
  return () => {
    going ??= work()
    return going
  }
}
