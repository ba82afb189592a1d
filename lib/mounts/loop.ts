import { constants } from 'node:fs';
import { type NsnetError, unsupportedError } from '../syscalls/errors.js';
import { HERE } from '../syscalls/excursion.js';
import type { Fd } from '../syscalls/fd.js';
import { type Step, Steps } from '../syscalls/steps.js';
import { AT, O_CLOEXEC } from './constants.js';

/** struct loop_config, linux/loop.h. */
const CONFIG_BYTES = 304;
const FLAGS_AT = 60;
const LO_FLAGS = { READ_ONLY: 1, AUTOCLEAR: 4 };

const EBUSY = -16;
/** Another program may take the free device first. */
const TRIES = 64;

/** A loop device that shows a file, read-only, and is free again when nobody uses it any more, also after a crash. */
export async function attachLoop(file: Fd): Promise<{ device: Fd; path: string }> {
  const config = Buffer.alloc(CONFIG_BYTES);
  config.writeUInt32LE(file.number, 0);
  config.writeUInt32LE(LO_FLAGS.READ_ONLY | LO_FLAGS.AUTOCLEAR, FLAGS_AT);
  for (let tries = 1; ; tries++) {
    const path = `/dev/loop${await freeDevice()}`;
    const steps = new Steps();
    const device = steps.add('openat', [AT.FDCWD, path, constants.O_RDONLY | O_CLOEXEC, 0], { keep: true });
    steps.add('loop_configure', [device, config]);
    const outcome = await steps.run(HERE);
    if (!outcome.failed) return { device: outcome.fd(device), path };
    if (outcome.errno !== EBUSY || tries === TRIES)
      throw explain(outcome.error({ subject: path }) as NsnetError);
  }
}

async function freeDevice(): Promise<number> {
  const steps = new Steps();
  const control = steps.add('openat', [AT.FDCWD, '/dev/loop-control', constants.O_RDWR | O_CLOEXEC, 0]);
  const free: Step = steps.add('loop_ctl_get_free', [control]);
  const outcome = await steps.run(HERE);
  if (outcome.failed) throw explain(outcome.error({ subject: '/dev/loop-control' }) as NsnetError);
  return outcome.result(free);
}

function explain(error: NsnetError): NsnetError {
  if (error.code === 'ENOENT')
    return unsupportedError('there are no loop devices here: the module is not loaded, or /dev has none', {
      cause: error,
    });
  if (error.code === 'EACCES' || error.code === 'EPERM')
    return error.with({ hint: 'An image is mounted by a loop device, which only root may set up' });
  return error;
}
