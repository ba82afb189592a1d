import { type NsnetError, unsupportedError } from '../syscalls/errors.js';
import type { Fd } from '../syscalls/fd.js';
import type { Namespaces } from '../syscalls/inside.js';
import type { Step, Steps } from '../syscalls/steps.js';
import { FSCONFIG, FSMOUNT_CLOEXEC, FSOPEN_CLOEXEC } from './constants.js';
import { mayMount, runMaking } from './place.js';
import type { Target } from './target.js';

/** One option of a file system: fsconfig(2). `true` is an option without a value. */
export type FsOption = readonly [key: string, value: string | true];

/** fsconfig(2) takes values of at most 255 bytes. */
export const MAX_VALUE = 255;

/** Messages that are asked for after a failure; each is at most so long. */
const MESSAGES = 4;
const MESSAGE_BYTES = 512;

export function configure(steps: Steps, context: Step, options: readonly FsOption[]): void {
  for (const [key, value] of options) {
    const command = value === true ? FSCONFIG.SET_FLAG : FSCONFIG.SET_STRING;
    steps.add('fsconfig', [context, command, key, value === true ? null : value, 0]);
  }
}

/** The last steps: the file system, and its mount, with what the kernel said of them should they fail. */
export function finish(steps: Steps, context: Step, attributes: number): { mount: Step; log: Step[] } {
  steps.add('fsconfig', [context, FSCONFIG.CMD_CREATE, null, null, 0]);
  const mount = steps.add('fsmount', [context, FSMOUNT_CLOEXEC, attributes], { keep: true });
  const log = Array.from({ length: MESSAGES }, () =>
    steps.add('read', [context, MESSAGE_BYTES], { afterFailure: true }),
  );
  return { mount, log };
}

/** What the kernel wrote into an fscontext: 'e overlay: …'. */
export function kernelSaid(messages: readonly Uint8Array[]): string | undefined {
  const said = messages.map((bytes) => Buffer.from(bytes).toString().trim()).filter((text) => text !== '');
  const errors = said.filter((text) => text.startsWith('e '));
  const text = (errors.length > 0 ? errors : said).map((one) => one.slice(2)).join('; ');
  return text === '' ? undefined : text;
}

/** A new mount; with the target that it is attached to, if it is. */
export interface Made {
  fd: Fd;
  target?: Target;
}

/** A new file system of a type that needs no device. Without privileges, or where the target is in a mount, it is detached. */
export async function makeFilesystem(
  type: string,
  options: readonly FsOption[],
  attributes: number,
  { target, inside, before }: { target?: Target; inside?: Namespaces; before?: (steps: Steps) => void } = {},
): Promise<Made> {
  let end: ReturnType<typeof finish> | undefined;
  let attached: Step | undefined;
  const outcome = await runMaking(
    (steps) => {
      before?.(steps);
      const context = steps.add('fsopen', [type, FSOPEN_CLOEXEC]);
      configure(steps, context, options);
      end = finish(steps, context, attributes);
      attached = target?.addAttach(steps, end.mount);
    },
    { inside, move: before !== undefined },
  );
  const { mount, log } = end as ReturnType<typeof finish>;
  const error = outcome.error({
    subject: `a new ${type}`,
    kernel: kernelSaid(log.map((step) => outcome.bytes(step))),
  });
  if (error) throw explainMount(error, type);
  return { fd: outcome.fd(mount), ...(attached && outcome.result(attached) === 0 && { target }) };
}

export function explainMount(error: NsnetError, type: string): NsnetError {
  if (error.syscall === 'fsopen' && error.code === 'ENODEV')
    return unsupportedError(`this kernel has no ${type}`, { cause: error });
  if (error.code === 'ENOSYS')
    return unsupportedError('this kernel has no fsopen(2) (Linux 5.2), or a filter forbids it', {
      cause: error,
    });
  if (error.code === 'EPERM' && type === 'proc')
    return error.with({
      hint: 'proc shows the pid namespace of whoever mounts it: without CAP_SYS_ADMIN only a process in a new one can',
    });
  if (error.code === 'EPERM' && !mayMount())
    return error.with({
      hint: `Without CAP_SYS_ADMIN this kernel does not let a user namespace mount ${type}`,
    });
  if (error.code === 'EPERM')
    return error.with({
      hint: 'Mounting needs CAP_SYS_ADMIN in the user namespace that owns the mount namespace',
    });
  return error;
}
