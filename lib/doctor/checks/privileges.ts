// What this process may do, and so the way that it goes.
import type { CAP } from '../../namespaces/credentials.js';
import { whyNoUsers } from '../causes/index.js';
import { type Check, direct, type Examine, refusal, told } from '../check.js';
import { engineCure } from '../engine.js';

const WANTED: (keyof typeof CAP)[] = ['SYS_ADMIN', 'NET_ADMIN', 'NET_RAW'];

export const capabilities: Examine = async (probe) => {
  const has = WANTED.filter((name) => probe.capable(name));
  const list = has.length ? has.map((name) => `CAP_${name}`).join(', ') : 'none of those that matter';
  const check = { name: 'capabilities', required: false };
  if (direct(probe)) return { ...check, ok: true, found: `${list}: directly, without a user namespace` };
  const ok = (await probe.userNamespace()).ok;
  if (ok) return { ...check, ok, found: `${list}: rootless, in a user namespace of this process's own` };
  return {
    ...check,
    ok,
    found: `${list}, and no user namespace to have them in`,
    cure: await engineCure(probe, 'capabilities'),
  };
};

/** The kernel lets nobody write maps through the files of a process that is not dumpable; the stub is. */
export const dumpable: Examine = async (probe) => {
  const check = { name: 'dumpable', required: false };
  if (probe.dumpable()) return { ...check, ok: true, found: 'yes' };
  const ok = direct(probe) || (await probe.stub()).ok;
  return {
    ...check,
    ok,
    found: `no: this process changed its user or gave up capabilities${ok ? '; the stub writes the maps of user namespaces' : ', and there is no stub to write the maps of user namespaces'}`,
    ...(!ok && {
      cure: 'Start it as the user it is to run as: setpriv --reuid=USER node …, or User= in the unit',
    }),
  };
};

export const users: Examine = async (probe): Promise<Check> => {
  const check = { name: 'user namespaces', required: !direct(probe) };
  const refused = refusal(await probe.userNamespace());
  if (!refused) return { ...check, ok: true, found: 'made one, and mapped this user in it' };
  const step = refused.call === 'unshare' || refused.call === 'clone' ? 'none' : 'made one, but no use of it';
  const { why, cure } = await whyNoUsers(probe, refused);
  return { ...check, ok: false, found: `${step}: ${told(refused)}; ${why}`, cure };
};
