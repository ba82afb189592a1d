// Which kernel modules to load, and in which order: the packages ship no modules.dep, so the order comes
// from the `depends=` (and `softdep=pre:`) that every module carries in its .modinfo section.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gunzipSync } from 'node:zlib';

export const moduleName = (path) =>
  basename(path)
    .replace(/\.ko(\.\w+)?$/, '')
    .replaceAll('-', '_');

/** The modules of an extracted kernel: files by name, and the names that are built in. */
export function indexModules(directory) {
  const files = new Map();
  for (const entry of readdirSync(join(directory, 'kernel'), { recursive: true })) {
    if (/\.ko(\.\w+)?$/.test(entry)) files.set(moduleName(entry), join(directory, 'kernel', entry));
  }
  const list = join(directory, 'modules.builtin');
  const builtin = existsSync(list) ? readFileSync(list, 'utf8').split('\n').filter(Boolean) : [];
  return { files, builtin: new Set(builtin.map(moduleName)) };
}

/** Every module whose name matches one of the patterns: names in which `*` stands for anything. */
export function matchModules(patterns, index) {
  const names = [...index.files.keys()].sort();
  const wanted = [];
  const absent = [];
  for (const pattern of patterns) {
    const expression = new RegExp(`^${pattern.replaceAll('-', '_').replaceAll('*', '.*')}$`);
    const found = names.filter((name) => expression.test(name));
    wanted.push(...found);
    if (found.length === 0 && !index.builtin.has(pattern.replaceAll('-', '_'))) absent.push(pattern);
  }
  return { wanted: [...new Set(wanted)], absent };
}

/** `wanted` and all they depend on, each after its dependencies. What has no file is taken to be built in. */
export function loadOrder(wanted, files, dependenciesOf) {
  const order = [];
  const visited = new Set();
  const visit = (name) => {
    if (visited.has(name) || !files.has(name)) return;
    visited.add(name);
    for (const dependency of dependenciesOf(name)) visit(dependency);
    order.push(name);
  };
  for (const name of wanted) visit(name);
  return order;
}

/** The names that a module's own ELF image says must be there before it. */
export function dependencies(image) {
  const names = [];
  for (const line of modinfo(image)) {
    const [, key, value] = /^(\w+)=(.*)$/s.exec(line) ?? [];
    if (key === 'depends') names.push(...value.split(','));
    if (key === 'softdep') names.push(...(/\bpre:(.*?)(?:\bpost:|$)/.exec(value)?.[1] ?? '').split(/\s+/));
  }
  return names.filter(Boolean).map((name) => name.replaceAll('-', '_'));
}

function modinfo(image) {
  if (image.toString('latin1', 0, 4) !== '\x7fELF' || image[4] !== 2 || image[5] !== 1) {
    throw new Error('not a little-endian 64-bit ELF file');
  }
  const table = Number(image.readBigUInt64LE(0x28));
  const [size, count, namesIndex] = [0x3a, 0x3c, 0x3e].map((at) => image.readUInt16LE(at));
  const section = (index) => {
    const at = table + index * size;
    const offset = Number(image.readBigUInt64LE(at + 24));
    return {
      name: image.readUInt32LE(at),
      bytes: image.subarray(offset, offset + Number(image.readBigUInt64LE(at + 32))),
    };
  };
  const names = section(namesIndex).bytes;
  for (let index = 1; index < count; index++) {
    const { name, bytes } = section(index);
    if (names.toString('latin1', name, names.indexOf(0, name)) !== '.modinfo') continue;
    return bytes.toString('latin1').split('\0').filter(Boolean);
  }
  return [];
}

/** A module's ELF image, whatever it is compressed with. */
export function readModule(path) {
  if (path.endsWith('.xz')) return execFileSync('xz', ['-dc', path], { maxBuffer: 1 << 28 });
  if (path.endsWith('.zst')) return execFileSync('zstd', ['-dcq', path], { maxBuffer: 1 << 28 });
  return path.endsWith('.gz') ? gunzipSync(readFileSync(path)) : readFileSync(path);
}
