// Preloaded by a test with `node --import`: the process ends as if its plug were pulled, before or during its n-th command on a host.
import ssh2, { type ClientChannel } from 'ssh2'

const [when, n] = (process.env.PROVISION_TEST_DIE ?? '').split(' ')
let count = 0
const { exec } = ssh2.Client.prototype
const die = () => process.kill(process.pid, 'SIGKILL')

ssh2.Client.prototype.exec = function (this: ssh2.Client, ...args: readonly unknown[]) {
  count++
  if (count === Number(n) && when === 'before') die()
  if (count !== Number(n)) return Reflect.apply(exec, this, args) as ssh2.Client
  const then = args.at(-1) as (error: Error | undefined, channel: ClientChannel) => void
  const watched = (error: Error | undefined, channel: ClientChannel) => {
    // The host's first word: it has the whole script by then. A command without a word has ended.
    if (error === undefined) channel.once('data', die).once('close', die)
    then(error, channel)
  }
  return Reflect.apply(exec, this, [...args.slice(0, -1), watched]) as ssh2.Client
} as typeof exec
