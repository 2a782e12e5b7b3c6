import type { ClientChannel } from 'ssh2'
import { type Sh, sh } from '../../sh.ts'
import type { Link } from '../link/link.ts'
import { collect, type Ended, openChannel } from './exec.ts'

/** sudo that asks on stderr, in words of our own, whatever it remembers; and says on stdout when it has let us in. */
export function asking(command: Sh, nonce: string): Sh {
  const inside = sh`printf '\036%s in\n' ${nonce}; exec ${command}`
  return sh`env LC_ALL=C sudo -k -S -p ${`${nonce}?`} sh -c ${inside.text}`
}

/**
 * Answers sudo when it asks: once, for the next line of stdin would be taken for another try, and that line is a script's.
 * Returns how it ended when it did not let us in. It may also not ask, having been told meanwhile that it need not.
 */
export function answer(channel: ClientChannel, nonce: string, password: string): Promise<Ended | undefined> {
  return new Promise((resolve, reject) => {
    let [out, err, prompts] = ['', '', 0]
    const onOut = (chunk: Buffer) => {
      out += chunk.toString('latin1')
      if (out.includes(`\x1e${nonce} in\n`)) settle()
    }
    const onErr = (chunk: Buffer) => {
      err += chunk.toString('latin1')
      const seen = err.split(`${nonce}?`).length - 1
      if (seen > prompts && prompts === 0) channel.write(`${password}\n`)
      else if (seen > prompts) channel.end()
      prompts = seen
    }
    const settle = (ended?: Ended) => {
      channel.off('data', onOut)
      channel.stderr.off('data', onErr)
      channel.off('close', onClose)
      resolve(ended)
    }
    const onClose = () =>
      settle({ code: 1, stdout: Buffer.alloc(0), stderr: Buffer.from(`sudo: ${err.replaceAll(`${nonce}?`, '').trim()}`) })
    channel.on('data', onOut)
    channel.stderr.on('data', onErr)
    channel.on('close', onClose)
    channel.on('error', reject)
  })
}

/** True when sudo needs no password of this user: what a guarded step's new login must prove. */
export async function sudoIsFree(link: Link, address: string): Promise<boolean> {
  if (link.user === 'root') return true
  const channel = await openChannel(link, address, 'sudo -n true')
  if (channel === undefined) return false
  const ended = collect(channel, address)
  channel.end()
  return (await ended).code === 0
}
