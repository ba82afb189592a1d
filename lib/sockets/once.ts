import type { Socket } from 'node:net';
import { unsupportedError } from '../syscalls/errors.js';

const REFUSED: PropertyDescriptor = {
  value: () => {
    throw unsupportedError('a socket of a namespace is not connected again', {
      hint: 'It would be from the namespace of this process, names included. Ask netns.connect() for another',
    });
  },
  configurable: true,
  writable: true,
};

/**
 * Has connect() of a socket refuse from now on. Of one that is destroyed the runtime would make another, in the network
 * namespace of its own thread; of one that is not it would still look up the name there.
 */
export function connectedOnce<T extends Socket>(socket: T): T {
  return Object.defineProperty(socket, 'connect', REFUSED);
}
