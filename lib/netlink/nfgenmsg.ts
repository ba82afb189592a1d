import { struct } from './struct.js';

/** struct nfgenmsg, of all of netfilter's messages; `resId` is the subsystem of a batch, or the lower half of the generation. */
export const nfgenmsg = struct((is) => ({ family: is.u8(), version: is.u8(), resId: is.be16() }));
