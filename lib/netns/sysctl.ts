import type { Internals } from '../namespaces/network.js';
import { type NsnetError, systemError } from '../syscalls/errors.js';
import { isFailure } from '../syscalls/excursion.js';
import { native } from '../syscalls/native.js';
import { checkString, invalidType, invalidValue } from '../syscalls/validate.js';

/**
 * The file of a key, as sysctl(8) finds it: what separates first separates throughout, so that an interface's own
 * dots can be written 'net/ipv4/conf/eth0.100/forwarding', or with the two exchanged.
 */
export function sysctlPath(key: unknown): string {
  checkString('key', key);
  const first = /[./]/.exec(key)?.[0];
  const parts = first === '/' ? key.split('/') : key.split('.').map((part) => part.replaceAll('/', '.'));
  const fits =
    parts[0] === 'net' &&
    parts.length > 1 &&
    parts.every((part) => part !== '' && part !== '.' && part !== '..');
  if (!fits) throw invalidValue('key', "a key below net, such as 'net.ipv4.ip_forward',", key);
  return `/proc/sys/${parts.join('/')}`;
}

function sysctlError(errno: number, syscall: string, key: string, subject: string): NsnetError {
  const hints: Record<number, string> = {
    [-2]: /\.(conf|neigh)\./.test(key)
      ? 'This kernel has no such key, or there is no such link (yet)'
      : 'This kernel, or a namespace of this kind, has no such key',
    [-30]: '/proc/sys is read-only here, as container engines mount it',
    [-13]: 'The key may be changed only by who owns the namespace, or not in a namespace at all',
    [-1]: 'The key may be changed only by who owns the namespace, or not in a namespace at all',
    [-22]: 'The kernel does not take this value',
  };
  return systemError(errno, syscall, { subject: `sysctl ${key} in ${subject}`, hint: hints[errno] });
}

export async function readSysctl(inner: Internals, key: string): Promise<string> {
  const path = sysctlPath(key);
  await inner.route.barrier();
  const { entries, ownMemory } = inner.inside();
  const read = await native().readFile(entries, ownMemory, path);
  if (isFailure(read)) throw sysctlError(read.errno, read.syscall, key, inner.subject);
  return Buffer.from(read.buffer, read.byteOffset, read.byteLength).toString().trimEnd();
}

export async function writeSysctl(
  inner: Internals,
  key: string,
  value: string | number | boolean,
): Promise<void> {
  const path = sysctlPath(key);
  if (!['string', 'number', 'boolean'].includes(typeof value))
    throw invalidType('value', 'a string, number or boolean', value);
  const text = typeof value === 'boolean' ? String(Number(value)) : String(value);
  if (text === '' || Buffer.byteLength(text) > 4096)
    throw invalidValue('value', 'text of 1 to 4096 bytes', text);
  await inner.route.barrier();
  const { entries, ownMemory } = inner.inside();
  const written = await native().writeFile(entries, ownMemory, path, Buffer.from(`${text}\n`));
  if (isFailure(written)) throw sysctlError(written.errno, written.syscall, key, inner.subject);
}
