import { checkString, invalidType } from '../syscalls/validate.js';
import { badPort, isConnected, outOfBounds } from './datagram-errors.js';

export type SendCallback = (error: Error | null, bytes: number) => void;

/** What send() was asked to do. */
export interface Sending {
  bytes: Uint8Array;
  /** 0 for whom it is connected to. */
  port: number;
  address: string | undefined;
  callback: SendCallback | undefined;
}

const MESSAGE = 'a Buffer, TypedArray, DataView or string';

/** A port from 1 to 65535, or a string that is one, as node:dgram takes it. */
export function portOf(port: unknown): number {
  const text = typeof port === 'string' && port.trim() !== '';
  const number = typeof port === 'number' || text ? Number(port) : Number.NaN;
  if (!Number.isInteger(number) || number < 1 || number > 65_535) throw badPort(port);
  return number;
}

/**
 * Reads what send() takes: of a socket that is not connected (msg | msgs, [offset, length,] port, [address,] [callback]), of
 * one that is (msg | msgs, [offset, length,] [callback]).
 */
export function readSending(connected: boolean, args: readonly unknown[]): Sending {
  return connected ? readConnected(args) : readUnconnected(args);
}

function readUnconnected([message, second, third, fourth, fifth, sixth]: readonly unknown[]): Sending {
  const sliced = Boolean(fifth) || (Boolean(fourth) && typeof fourth !== 'function');
  const [port, address, callback] = sliced ? [fourth, fifth, sixth] : [second, third, fourth];
  const bytes = bytesOf(sliced ? slice(message, second, third) : message);
  const number = portOf(port);
  if (typeof address === 'function') {
    return { bytes, port: number, address: undefined, callback: address as SendCallback };
  }
  if (address !== undefined && address !== null) checkString('address', address);
  return { bytes, port: number, address: address ?? undefined, callback: functionOf(callback) };
}

function readConnected([message, second, third, fourth, fifth]: readonly unknown[]): Sending {
  const sliced = typeof third === 'number';
  const callback = sliced ? fourth : second;
  if ((fourth && typeof fourth !== 'function') || fifth) throw isConnected();
  const bytes = bytesOf(sliced ? slice(message, second, third) : message);
  return { bytes, port: 0, address: undefined, callback: functionOf(callback) };
}

function functionOf(value: unknown): SendCallback | undefined {
  return typeof value === 'function' ? (value as SendCallback) : undefined;
}

function slice(message: unknown, offset: unknown, length: unknown): Uint8Array {
  const bytes = viewOf('buffer', message);
  const [from, size] = [Number(offset) >>> 0, Number(length) >>> 0];
  if (from > bytes.length) throw outOfBounds('offset');
  if (from + size > bytes.length) throw outOfBounds('length');
  return bytes.subarray(from, from + size);
}

function bytesOf(message: unknown): Uint8Array {
  if (!Array.isArray(message)) return viewOf('buffer', message);
  return Buffer.concat(message.map((part) => viewOf('buffer list arguments', part)));
}

function viewOf(name: string, message: unknown): Uint8Array {
  if (typeof message === 'string') return Buffer.from(message);
  if (message instanceof Uint8Array) return message;
  if (!ArrayBuffer.isView(message)) throw invalidType(name, MESSAGE, message);
  return new Uint8Array(message.buffer, message.byteOffset, message.byteLength);
}
