import { checkString, invalidValue } from '../../syscalls/validate.js';

const PART = /^[a-zA-Z0-9_][a-zA-Z0-9_.:@-]*$/;
const PART_MAX = 255;
const DEPTH_MAX = 16;

/** Control files are named after a controller, or stand alone on cgroup v1; a directory must not be taken for one. */
const CONTROLLERS =
  'cgroup cpu cpuacct cpuset memory pids io blkio freezer devices hugetlb rdma misc dmem perf_event net_cls net_prio irq debug';
const FILES = ['tasks', 'notify_on_release', 'release_agent'];
const taken = new Set(CONTROLLERS.split(' '));

/**
 * 'web', or 'web/api' for a group below another one. Each part: letters, digits, _ . : @ and -, beginning with a
 * letter, a digit or _, and not like a control file ('memory.max', 'tasks').
 */
export function checkCgroupName(name: unknown): asserts name is string {
  checkString('name', name);
  const parts = name.split('/');
  const fine = (part: string) =>
    PART.test(part) &&
    part.length <= PART_MAX &&
    !FILES.includes(part) &&
    !(part.includes('.') && taken.has(part.slice(0, part.indexOf('.'))));
  if (parts.length <= DEPTH_MAX && parts.every(fine)) return;
  throw invalidValue(
    'name',
    "letters, digits, _ . : @ and -, beginning with a letter, a digit or _, not like a control file ('memory.max'), '/' between a group and one below it,",
    name,
  );
}
