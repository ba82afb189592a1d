/** Errors of node:dgram, with its codes and words. */
function errorOf<T extends Error>(error: T, code: string): T {
  return Object.assign(error, { code });
}

export const notRunning = () => errorOf(new Error('Not running'), 'ERR_SOCKET_DGRAM_NOT_RUNNING');

export const notConnected = () => errorOf(new Error('Not connected'), 'ERR_SOCKET_DGRAM_NOT_CONNECTED');

export const isConnected = () => errorOf(new Error('Already connected'), 'ERR_SOCKET_DGRAM_IS_CONNECTED');

export const alreadyBound = () => errorOf(new Error('Socket is already bound'), 'ERR_SOCKET_ALREADY_BOUND');

export const badPort = (port: unknown) =>
  errorOf(new RangeError(`Port should be > 0 and < 65536. Received ${String(port)}.`), 'ERR_SOCKET_BAD_PORT');

export const outOfBounds = (name: string) =>
  errorOf(new RangeError(`"${name}" is outside of buffer bounds`), 'ERR_BUFFER_OUT_OF_BOUNDS');

export const missing = (name: string) =>
  errorOf(new TypeError(`The "${name}" argument must be specified`), 'ERR_MISSING_ARGS');

export const badBufferSize = () =>
  errorOf(new TypeError('Buffer size must be a positive integer'), 'ERR_SOCKET_BAD_BUFFER_SIZE');
