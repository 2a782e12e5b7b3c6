export { type AliasLine, aliasLines } from './inventory/derived.ts'
export { type Domain, Server, type Site } from './inventory/server.ts'
