export { reverseName } from '../util/addresses.ts'
export { declaredFolders } from './declared-folders.ts'
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
} from './derived.ts'
export { bindSecrets, type Inventory, inventoryFolder, listInventories, loadInventory } from './load.ts'
export { type NebulaNode, nebulaEnds, nebulaNode } from './nebula-node.ts'
export { type Opening, openings } from './openings.ts'
export { networkOf } from './schema/overlay.ts'
export { certificateKeyPath, dkimFiles, firstKey, liveKeys, type Rotation } from './schema/rotation.ts'
export { Server } from './schema/server.ts'
export type { Domain, Site } from './schema/shape.ts'
