import { server as ours } from '../../../playbooks/index.ts'
import { file } from '../../../src/kinds/files/file.ts'

/** What a person's own playbooks may do: configurations that their programs refuse. */
export const server: typeof ours = (inventory, context) =>
  ours(inventory, context).map((playbook) => ({
    ...playbook,
    steps: playbook.steps.map((step) => ({
      ...step,
      resources: step.resources.map((resource) => {
        const wanted = resource.desired as Parameters<typeof file>[0]
        const refused = ['file:/etc/maddy/maddy.conf', 'file:/etc/caddy/Caddyfile'].includes(resource.id)
        return refused
          ? file({ ...wanted, content: `${String(wanted.content)}\nbad.example {\n\tno_such_directive here\n}\n` })
          : resource
      }),
    })),
  }))
