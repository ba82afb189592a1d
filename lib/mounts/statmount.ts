import { unsupportedError } from '../syscalls/errors.js';
import { checked, type Inside } from '../syscalls/excursion.js';
import { native } from '../syscalls/native.js';
import { type Outcome, type Step, Steps } from '../syscalls/steps.js';

const ENOSYS = -38;
/** As many as one call of listmount(2) is given room for. */
const ROOM = 8192;
/** As many as one excursion asks of. */
const BATCH = 1000;
const ID = 8;

/** Whether the kernel has statmount(2) and listmount(2) (6.8); undefined until it was asked. */
let known: boolean | undefined;
let forced: boolean | undefined;

/** For tests: false as on older kernels, true or an error. */
export function forceStatmount(use: boolean | undefined): void {
  forced = use;
}

/** Adds listmount(2) to what an excursion does, unless it is known to be missing. */
export function addListing(steps: Steps, last = 0n): Step | undefined {
  if (!(forced ?? known ?? true)) return undefined;
  // struct mnt_id_req: size, then LSMT_ROOT for the whole tree below the root directory, and where to go on.
  const request = new Uint8Array(24);
  new Uint32Array(request.buffer, 0, 1)[0] = request.length;
  new BigUint64Array(request.buffer, ID).set([0xffff_ffff_ffff_ffffn, last]);
  return steps.add('listmount', [request, ROOM, 0], { optional: true });
}

/** The unique ids that were listed; undefined where the kernel does not, or a filter of system calls forbids it. */
export async function listed(
  outcome: Outcome,
  step: Step | undefined,
  inside: Inside,
): Promise<BigUint64Array | undefined> {
  if (step === undefined) return undefined;
  const count = outcome.result(step);
  if (count < 0) {
    if (forced) throw unsupportedError('listmount(2) is missing or forbidden', { syscall: 'listmount' });
    if (count === ENOSYS) known = false;
    return undefined;
  }
  known = true;
  const ids = new BigUint64Array(outcome.room(step).slice(0, count * ID).buffer);
  if (count < ROOM) return ids;
  const steps = new Steps();
  const next = addListing(steps, ids.at(-1));
  const more = await listed(await steps.run(inside), next, inside);
  const all = new BigUint64Array(count + (more?.length ?? 0));
  all.set(ids);
  if (more) all.set(more, count);
  return all;
}

/** What statmount(2) says of a mount in numbers: but for the first, what mountinfo says, for tests to compare. */
export interface MountFacts {
  uniqueId: number;
  id: number;
  parent: number;
  device: string;
  /** MOUNT_ATTR_*, as mount_setattr(2) has them. */
  attributes: bigint;
  /** MS_SHARED, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE. */
  propagation: bigint;
  peerGroup: bigint;
  master: bigint;
}

/** What `read` makes of each struct statmount, of the mounts that are there still. */
export async function statMounts<T>(
  ids: BigUint64Array,
  inside: Inside,
  read: (view: DataView, at: number) => T,
): Promise<T[]> {
  const facts: T[] = [];
  for (let first = 0; first < ids.length; first += BATCH) {
    const some = ids.subarray(first, first + BATCH);
    const request = new Uint8Array(some.buffer, some.byteOffset, some.byteLength);
    const told = checked(await native().statMounts(inside.entries, inside.ownMemory, request));
    const size = told.length / some.length;
    const view = new DataView(told.buffer, told.byteOffset, told.length);
    for (let at = 0; at < told.length; at += size) {
      // Its first field is its size: 0 if nothing was told.
      if (view.getUint32(at, littleEndian) !== 0) facts.push(read(view, at));
    }
  }
  return facts;
}

const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** The unique id, and the number that mountinfo has for it. */
export function idsOf(view: DataView, at: number): [unique: number, id: number] {
  const [first, second] = [view.getUint32(at + 40, littleEndian), view.getUint32(at + 44, littleEndian)];
  const [low, high] = littleEndian ? [first, second] : [second, first];
  return [high * 2 ** 32 + low, view.getUint32(at + 56, littleEndian)];
}

export function factsOf(view: DataView, at: number): MountFacts {
  const u32 = (field: number) => view.getUint32(at + field, littleEndian);
  const u64 = (field: number) => view.getBigUint64(at + field, littleEndian);
  return {
    device: `${u32(16)}:${u32(20)}`,
    uniqueId: Number(u64(40)),
    id: u32(56),
    parent: u32(60),
    attributes: u64(64),
    propagation: u64(72),
    peerGroup: u64(80),
    master: u64(88),
  };
}
