import { invalidType, invalidValue } from '../../syscalls/validate.js';
import { readEthernet } from './ethernet.js';
import { readIp } from './ip.js';
import type { Decoded } from './layers.js';
import { CUT_OFF, Reader } from './reader.js';

/** What a packet begins with: Ethernet's header, or that of IP. */
export type LinkType = 'ethernet' | 'raw';

/**
 * Reads the headers of a packet, however malformed or cut off it is: what cannot be read is left in `payload`. What it
 * gives shares its memory with `bytes`. Throws ERR_INVALID_ARG_TYPE and ERR_INVALID_ARG_VALUE for wrong arguments alone.
 */
export function decode(bytes: Uint8Array, linkType: LinkType = 'ethernet'): Decoded {
  if (!(bytes instanceof Uint8Array)) throw invalidType('bytes', 'a Uint8Array', bytes);
  if (linkType !== 'ethernet' && linkType !== 'raw')
    throw invalidValue('linkType', "'ethernet' or 'raw'", linkType);
  const reader = new Reader(bytes);
  let malformed = false;
  try {
    if (linkType === 'ethernet') readEthernet(reader);
    else readIp(reader);
  } catch (error) {
    if (error !== CUT_OFF) throw error;
    malformed = true;
  }
  const { layers, rest } = reader;
  return malformed ? { layers, payload: rest, malformed } : { layers, payload: rest };
}
