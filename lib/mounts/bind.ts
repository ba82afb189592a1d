import type { Call } from '../handles/listing.js';
import { Namespace } from '../namespaces/namespace.js';
import { abortError, type NsnetError, unsupportedError } from '../syscalls/errors.js';
import { Fd } from '../syscalls/fd.js';
import type { Step, Steps } from '../syscalls/steps.js';
import {
  checkBoolean,
  checkKeys,
  checkObject,
  checkSignal,
  checkString,
  invalidType,
  invalidValue,
} from '../syscalls/validate.js';
import { AT, O_PATH, OPEN_TREE } from './constants.js';
import { type AllFlags, attributesOf, FLAG_KEYS, mountAttr, saysAnything } from './flags.js';
import { Mount } from './mount.js';
import { mayMount, runMaking } from './place.js';
import { placed } from './placed.js';
import { renamedMeanwhile } from './renames.js';
import { checkSource, openInRoot, Source } from './source.js';
import { addStatus, statusIn, targetOf } from './target.js';

export interface BindOptions extends AllFlags, Call {
  /** A directory or file, or another mount. Symbolic links in a path are followed, but never out of a detached mount. */
  source: string | Mount;
  /**
   * What of the source, a directory, is meant: a path in it, looked up as in a container's root. No symbolic link,
   * absolute or with `..`, leads out of it, whoever exchanges them meanwhile (openat2(2), RESOLVE_IN_ROOT, Linux 5.6).
   */
  subpath?: string;
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
    checkKeys('options', options, [
      'source',
      'subpath',
      'target',
      'recursive',
      'idmap',
      'signal',
      ...FLAG_KEYS,
    ]);
    const { source, subpath, target, recursive = false, idmap, signal } = options;
    checkSource(source);
    if (subpath !== undefined) checkString('subpath', subpath);
    if (subpath === '') throw invalidValue('subpath', 'a path', subpath);
    checkBoolean('recursive', recursive);
    if (idmap !== undefined && !(idmap instanceof Namespace && idmap.type === 'user'))
      throw invalidType('idmap', 'a Namespace of type user', idmap);
    checkSignal(signal);
    const attributes = { ...attributesOf(options), propagation: 0 };
    if (signal?.aborted) throw abortError(signal);
    const all = recursive ? AT.RECURSIVE : 0;
    let tree: Step | undefined;
    let status: Step | undefined;
    let attached: Step | undefined;
    const at = targetOf(target);
    using from = new Source(source, { held: mayMount() });
    const owner = idmap && Fd.duplicate(idmap.fd);
    const add = (steps: Steps) => {
      // Named, so that the stub has it by the same number.
      if (owner) steps.add('statx', [owner, '', AT.EMPTY_PATH, 0, 256], { optional: true });
      const flags = AT.EMPTY_PATH | OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC | all;
      let what = from.open(steps);
      if (subpath !== undefined) what = steps.add('openat2', [what, subpath, openInRoot(O_PATH)]);
      tree = steps.add('open_tree', [what, '', flags], { keep: true });
      if (idmap || saysAnything(attributes))
        steps.add('mount_setattr', [tree, '', AT.EMPTY_PATH | all, mountAttr(attributes, owner?.number)]);
      status = addStatus(steps, tree);
      attached = at?.addAttach(steps, tree);
    };
    let outcome = await runMaking(add);
    for (let tries = 1; renamedMeanwhile(outcome.errno, tries); tries++) outcome = await runMaking(add);
    await owner?.close();
    const error = outcome.error({ subject: subpath === undefined ? `${source}` : `${subpath} in ${source}` });
    if (error) throw explain(error, recursive);
    const { directory } = statusIn(outcome, status as Step);
    const made = {
      recursive,
      file: !directory,
      ...(attached && outcome.result(attached) === 0 && { target: at }),
    };
    return placed(new BindMount(outcome.fd(tree as Step), true, made), options, at);
  }
}

function explain(error: NsnetError, recursive: boolean): NsnetError {
  if (error.syscall === 'open_tree' && error.code === 'EINVAL')
    return error.with({
      hint: recursive
        ? 'A detached mount can be a source from Linux 6.15 on; without privileges no bind can that is detached'
        : 'Without privileges a directory with mounts below it can only be bound with { recursive: true }; a detached mount can be a source from Linux 6.15 on, but no bind without privileges',
    });
  if (error.syscall === 'mount_setattr' && error.code === 'EPERM')
    return error.with({ hint: 'An idmap needs CAP_SYS_ADMIN, and a user namespace with a map of its own' });
  if (error.code === 'ENOSYS')
    return unsupportedError('this kernel has no mount_setattr(2) (Linux 5.12), or a filter forbids it', {
      cause: error,
    });
  return error;
}
