import type { Call } from '../handles/listing.js';
import { Namespace } from '../namespaces/namespace.js';
import { abortError, type NsnetError, unsupportedError } from '../syscalls/errors.js';
import { Fd } from '../syscalls/fd.js';
import type { Step } from '../syscalls/steps.js';
import {
  checkBoolean,
  checkKeys,
  checkObject,
  checkSignal,
  checkString,
  invalidType,
} from '../syscalls/validate.js';
import { AT, OPEN_TREE } from './constants.js';
import { type AllFlags, attributesOf, FLAG_KEYS, mountAttr, saysAnything } from './flags.js';
import { Mount } from './mount.js';
import { runMaking } from './place.js';
import { placed } from './placed.js';
import { checkSource, Source } from './source.js';
import { statusOf } from './target.js';

export interface BindOptions extends AllFlags, Call {
  /** A directory or file, or another mount. */
  source: string | Mount;
  /** Where to attach it. Default: detached. */
  target?: string;
  /** With the mounts below the source, and the flags for all of them. Default false, as `mount --bind`. */
  recursive?: boolean;
  /** A user namespace by whose map the owners of files are shown (Linux 5.12); needs CAP_SYS_ADMIN. */
  idmap?: Namespace<'user'>;
}

/** A directory or file shown at a second place: mount(8), `--bind`. */
export class BindMount extends Mount {
  static async create(options: BindOptions): Promise<BindMount> {
    checkObject('options', options);
    checkKeys('options', options, ['source', 'target', 'recursive', 'idmap', 'signal', ...FLAG_KEYS]);
    const { source, target, recursive = false, idmap, signal } = options;
    checkSource(source);
    checkBoolean('recursive', recursive);
    if (idmap !== undefined && !(idmap instanceof Namespace && idmap.type === 'user'))
      throw invalidType('idmap', 'a Namespace of type user', idmap);
    checkSignal(signal);
    const attributes = { ...attributesOf(options), propagation: 0 };
    if (signal?.aborted) throw abortError(signal);
    const all = recursive ? AT.RECURSIVE : 0;
    let tree: Step | undefined;
    using from = new Source(source);
    const owner = idmap && Fd.duplicate(idmap.fd);
    const outcome = await runMaking((steps) => {
      // Named, so that the stub has it by the same number.
      if (owner) steps.add('statx', [owner, '', AT.EMPTY_PATH, 0, 256], { optional: true });
      const flags = AT.EMPTY_PATH | OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC | all;
      tree = steps.add('open_tree', [from.open(steps), '', flags], { keep: true });
      if (idmap || saysAnything(attributes))
        steps.add('mount_setattr', [tree, '', AT.EMPTY_PATH | all, mountAttr(attributes, owner?.number)]);
    });
    await owner?.close();
    const error = outcome.error({ subject: String(source) });
    if (error) throw explain(error, recursive);
    const fd = outcome.fd(tree as Step);
    const { directory } = await statusOf(fd);
    return placed(new BindMount(fd, true, { recursive, file: !directory }), options, target);
  }
}

function explain(error: NsnetError, recursive: boolean): NsnetError {
  if (error.syscall === 'open_tree' && error.code === 'EINVAL')
    return error.with({
      hint: recursive
        ? 'A detached mount can be a source from Linux 6.15 on'
        : 'Without privileges a directory with mounts below it can only be bound with { recursive: true }; a detached mount can be a source from Linux 6.15 on',
    });
  if (error.syscall === 'mount_setattr' && error.code === 'EPERM')
    return error.with({ hint: 'An idmap needs CAP_SYS_ADMIN, and a user namespace with a map of its own' });
  if (error.code === 'ENOSYS')
    return unsupportedError('this kernel has no mount_setattr(2) (Linux 5.12), or a filter forbids it', {
      cause: error,
    });
  return error;
}
