export { reverseName } from './addresses.ts'
export { declaredFolders } from './inventory/declared-folders.ts'
export {
  type AliasLine,
  accountAddresses,
  aliasLines,
  type Login,
  leavingAliases,
  localPart,
  mailLogins,
  mtaStsPolicy,
  phpOf,
  probeLogin,
  siteUser,
  suryOf,
  systemLogin,
  webNames,
} from './inventory/derived.ts'
export { bindSecrets, type Inventory, inventoryFolder, listInventories, loadInventory } from './inventory/load.ts'
export { type NebulaNode, nebulaEnds, nebulaNode } from './inventory/nebula-node.ts'
export { type Opening, openings } from './inventory/openings.ts'
export { networkOf } from './inventory/overlay.ts'
export { certificateKeyPath, dkimFiles, firstKey, liveKeys, type Rotation } from './inventory/rotation.ts'
export { Server } from './inventory/server.ts'
export type { Domain, Site } from './inventory/shape.ts'
