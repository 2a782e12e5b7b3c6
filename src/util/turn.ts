/**
 * One turn of the event loop. Loading modules keeps it from hearing what a host has answered meanwhile, so who loads many of them
 * while a login is on its way takes one in between.
 */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
