/** Something in an inventory that contradicts something else in it. */
export interface Conflict {
  readonly path: readonly (string | number)[]
  readonly message: string
}
