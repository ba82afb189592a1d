import type { Elsewhere } from '../syscalls/unknown-key.js';

/** What other APIs that start programs call their options. */
export const ELSEWHERE: Elsewhere = {
  shell: [['stdio', "there is no shell: run('sh', ['-c', …])."]],
  encoding: [['stdio', 'run() gives text in UTF-8, the streams of spawn() bytes.']],
  mount: [['mnt', "did you mean 'mnt'?"]],
  mounts: [
    ['mnt', "did you mean 'mnt'?"],
    ['root', 'mounts belong to a root: root: { base, mounts }.'],
  ],
  network: [['net', "did you mean 'net'?"]],
  netns: [['net', "did you mean 'net'?"]],
  hostname: [['uts', "did you mean 'uts'?"]],
  domainname: [['uts', "did you mean 'uts'?"]],
  process: [['pid', "did you mean 'pid'?"]],
  userns: [['user', "did you mean 'user'?"]],
};
