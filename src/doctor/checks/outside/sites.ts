import { blind, type Check, each, error, ok } from '../../check.ts'
import { requestHttp } from '../../https.ts'
import { addressesToCheck } from '../../patient.ts'

/** Each site answers under all its names, with a certificate that is trusted, and http leads there. */
export const sites: Check = {
  id: 'sites',
  title: 'every site answers over https, and http leads there',
  limit: 30_000,
  look: async ({ server, trusted, secret }) => {
    const names = server.sites.flatMap(({ domain, aliases, basic_auth }) =>
      [domain, ...aliases].map((name) => ({ name, auth: basic_auth })),
    )
    if (names.length === 0) return [ok('sites', 'none is declared')]
    return each(
      names.flatMap((site) => addressesToCheck(server).map((place) => ({ ...site, ...place }))),
      ({ name, family }) => `${name} over ${family}`,
      async ({ name, auth, address, family }) => {
        const subject = `${name} over ${family}`
        const login = auth === undefined ? undefined : `${auth.user}:${secret(auth.password.name)}`
        const question = { address, trusted, url: `${name}/`, auth: login }
        const [page, plain, bare] = await Promise.all([
          requestHttp(question),
          requestHttp({ ...question, scheme: 'http', auth: undefined }),
          requestHttp({ ...question, auth: undefined }),
        ])
        const mend = 'on the host: journalctl -u caddy -n 50; provision --host X --only caddy'
        if (page.status === 0)
          return /ECONNREFUSED|no answer|EHOSTUNREACH|ENETUNREACH/.test(page.body)
            ? [blind(subject, page.body, 'see ports and units')]
            : [error(subject, `https fails: ${page.body}`, mend)]
        if (page.status === 401) return [error(subject, 'refuses the password that the secrets have for it', mend)]
        if (page.status === 403 || page.status >= 500) return [error(subject, `answers ${page.status}`, mend)]
        if (auth !== undefined && bare.status !== 401)
          return [error(subject, `shows itself without a password (${bare.status})`, mend)]
        if (plain.status !== 308 || plain.headers.location !== `https://${name}/`)
          return [error(subject, `http does not lead to https (${plain.status} ${plain.headers.location ?? ''})`, mend)]
        return [ok(subject, `${page.status}${auth === undefined ? '' : ' with its password, 401 without'}`)]
      },
    )
  },
}
