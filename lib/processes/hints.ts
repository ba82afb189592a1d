import { capable } from '../syscalls/capabilities.js';
import type { NsnetError } from '../syscalls/errors.js';
import { filterHint } from './filter.js';
import type { SpawnOptions } from './types.js';

/** What to do where a step of a start was refused. */
export function hintFor(
  { syscall = '', code, subject = '' }: NsnetError,
  options: SpawnOptions,
): string | undefined {
  const hint =
    ofProgram(syscall, code, subject, options) ??
    ofLimits(syscall, code, options) ??
    ofIds(syscall, code, options) ??
    filterHint(syscall, code, options);
  if (hint !== undefined) return hint;
  if (syscall === 'mount' && subject === '/sys' && code === 'EPERM')
    return 'What is mounted over parts of /sys here, as container engines do, forbids one of another network namespace: spawn() with namespaces: { net: netns } leaves /sys as it is';
  if (syscall === 'open_tree' && code === 'EINVAL')
    return 'A detached mount can be a root or in it from Linux 6.15 on, a detached bind by those with CAP_SYS_ADMIN: name the directory';
  if (code === 'EPERM' && !capable('SYS_ADMIN'))
    return 'This needs privileges that a user namespace does not give';
  return undefined;
}

function ofProgram(
  call: string,
  code: string,
  file: string,
  { root, cwd }: SpawnOptions,
): string | undefined {
  if (call === 'chdir' && code === 'ENOENT') return `There is no ${cwd} where it runs`;
  if (call !== 'execve') return undefined;
  if (/^(ENOENT|EACCES)$/.test(code) && /^[^/]*\s[^/]*$/.test(file))
    return "This is the program's name alone: arguments go into the second parameter, run('ls', ['-l'])";
  if (code === 'ENOENT')
    return `There is no such program in PATH${root === undefined ? '' : ' below its root'}, or its interpreter is missing`;
  if (code === 'EACCES')
    return 'It may not be executed by this user, is on a noexec mount, or a directory of PATH may not be searched';
  if (code === 'ENOEXEC') return 'It is no program: a script begins with #!';
  return undefined;
}

function ofLimits(call: string, code: string, { cgroup }: SpawnOptions): string | undefined {
  if (call === 'setrlimit' && code === 'EPERM')
    return 'More than the hard limit takes CAP_SYS_RESOURCE in the first user namespace; more nofile than /proc/sys/fs/nr_open nobody may have';
  if (call === 'setrlimit' && code === 'EINVAL') return 'The soft limit is above the hard one: [soft, hard]';
  if (call === 'setpriority' && (code === 'EACCES' || code === 'EPERM'))
    return 'Less than it has takes CAP_SYS_NICE in the first user namespace, or RLIMIT_NICE';
  if (code !== 'EAGAIN' || (call !== 'clone' && call !== 'execve')) return undefined;
  return cgroup && call === 'clone'
    ? `There are as many processes and threads as may be: pids.max of ${cgroup}, or of a group above it`
    : 'There are as many processes and threads as may be: RLIMIT_NPROC of this user, or pids.max of a cgroup';
}

function ofIds(call: string, code: string, { uidMap }: SpawnOptions): string | undefined {
  if (/^setres[ug]id$|^setgroups$/.test(call)) {
    if (code === 'EINVAL') return 'The user namespace has no such id: give uidMap and gidMap';
    if (code === 'EPERM')
      return 'Another uid, gid or groups take CAP_SETUID and CAP_SETGID, or a new user namespace whose uidMap and gidMap have them';
  }
  if (call === 'write' && uidMap && (code === 'EPERM' || code === 'EACCES'))
    return 'Mapping ids that are not this user takes CAP_SETUID and CAP_SETGID, or newuidmap: true';
  if (call === 'prctl' && code === 'EPERM')
    return "Capabilities can be given up with namespaces: { user: 'new' }, or with CAP_SETPCAP";
  return undefined;
}
