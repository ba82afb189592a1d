import { constants } from 'node:fs';
import { systemError } from '../syscalls/errors.js';
import { HERE } from '../syscalls/excursion.js';
import { Fd } from '../syscalls/fd.js';
import { Steps } from '../syscalls/steps.js';
import { BindMount } from './bind.js';
import { AT } from './constants.js';
import { DEVICES } from './container-layout.js';

const ENODEV = -19;

/** STATX_TYPE; the numbers of a device are always told. */
const STATX_TYPE = 0x1;

/**
 * A device of this machine. What is at its path here need not be it: with a file there, whoever reads what is hidden
 * behind /dev/null would read that file, and whoever writes to it would write to it. So what was bound is looked at,
 * not what its path means.
 */
export async function bindDevice(name: keyof typeof DEVICES): Promise<BindMount> {
  const path = `/dev/${name}`;
  const wanted = DEVICES[name].join(':');
  const mount = await BindMount.create({ source: path });
  const fd = Fd.duplicate(mount.fd);
  try {
    const steps = new Steps();
    const status = steps.add('statx', [fd, '', AT.EMPTY_PATH, STATX_TYPE, 256]);
    const outcome = await steps.run(HERE);
    const error = outcome.error({ subject: path });
    if (error) throw error;
    const bytes = Buffer.from(outcome.room(status));
    const type = bytes.readUInt16LE(28) & constants.S_IFMT;
    const numbers = `${bytes.readUInt32LE(128)}:${bytes.readUInt32LE(132)}`;
    if (type !== constants.S_IFCHR || numbers !== wanted)
      throw systemError(ENODEV, 'statx', {
        subject: path,
        hint: `It is not the character device ${wanted} here, but something else`,
      });
    return mount;
  } catch (error) {
    await mount.close();
    throw error;
  } finally {
    await fd.close();
  }
}
