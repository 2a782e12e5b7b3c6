import { howMuchLearned } from '../../../src/kinds/sh/rspamd.ts'
import type { Machine } from '../../../src/rehearsal/machine/machine.ts'
import { sh } from '../../../src/sh.ts'
import { edit, untilOn } from '../../support/harness.ts'
import type { Installed } from '../../support/install.ts'

/** Where a site of the test has its pages: in none of the folders that a server has anyway. */
const root = '/data/www/ouestline'

/** Declares a site elsewhere and rspamd; fills it and an NFS export, has a mail learned as spam, and somebody banned. */
export async function withDeclared({ operator, host, correct }: Installed): Promise<void> {
  edit(operator, (document) => {
    document.setIn(['sites', 1, 'root'], root)
    document.set('rspamd', document.createNode({ junk: 6, reject: 15 }))
  })
  await correct()
  await host.must(sh`
runuser -u xouser -- sh -c ${`echo 'a page of ours' > ${root}/index.html; ln -s index.html ${root}/again.html; echo shared > /sharenfs/xoyize/file`}
fail2ban-client set sshd banip 192.0.2.66`)
  await rspamdAnswers(host)
  await host.must(sh`printf '%s\n' ${spam} | rspamc --connect 127.0.0.1:11334 learn_spam`)
}

const words = Array.from({ length: 40 }, (_, i) => `bargain${i} casino${i}`).join(' ')
const spam = `From: a@example.org\nTo: b@example.org\nSubject: you have won\nMessage-ID: <learned@example.org>\n\n${words}`

/** It takes its time to start. */
const rspamdAnswers = (host: Machine) => untilOn(host, 'rspamd', 120_000, sh`curl -s http://127.0.0.1:11334/ping | grep -q pong`)

/** What is in the declared folders, who is banned, and what rspamd has learned, to compare two hosts. */
export async function declaredOn(host: Machine): Promise<string> {
  await rspamdAnswers(host)
  return host.must(sh`cd /
find data sharenfs -printf '%M %u:%g %p %l\n' | sort
find data sharenfs -type f -exec sha256sum {} + | sort
fail2ban-client get sshd banip
${howMuchLearned}`)
}
