/** One folder, who may mount it, and how. */
export interface Export {
  readonly path: string
  readonly to: string
  readonly options: readonly string[]
}

/** /etc/exports: see exports(5). */
export const exports = (all: readonly Export[]): string =>
  ['# Written by provision.', ...all.map(({ path, to, options }) => `${path} ${to}(${options.join(',')})`), ''].join('\n')
