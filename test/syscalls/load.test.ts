import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { NsnetError } from '../../lib/syscalls/errors.js';
import { libc } from '../../lib/syscalls/libc.js';
import { load } from '../../lib/syscalls/load.js';

const built = fileURLToPath(new URL('../../build/Release/nsnet.node', import.meta.url));
const system = `linux-${process.arch}`;
const fresh = 'build/Release/nsnet.node';
const prebuilt = `prebuilds/${system}/nsnet.${libc()}.node`;

let root: string;

function put(path: string, content?: string): string {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  if (content === undefined) copyFileSync(built, file);
  else writeFileSync(file, content);
  return file;
}

function refusal(): NsnetError {
  try {
    load(root);
  } catch (error) {
    expect(error).toBeInstanceOf(NsnetError);
    expect(error).toMatchObject({ code: 'ERR_NSNET_UNSUPPORTED' });
    expect('errno' in (error as object)).toBe(false);
    return error as NsnetError;
  }
  throw new Error('it was loaded');
}

const pathOf = (addon: unknown) => (addon as { path: string }).path;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'nsnet-load-'));
  writeFileSync(join(root, 'package.json'), '{"version":"1.2.3"}');
  vi.stubEnv('NSNET_BINARY', undefined);
});

afterEach(() => {
  rmSync(root, { recursive: true });
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
});

describe('where it is found', () => {
  test('the prebuilt binary for this C library', () => {
    put(`prebuilds/${system}/nsnet.${libc() === 'glibc' ? 'musl' : 'glibc'}.node`, 'for the other one');
    const file = put(prebuilt);
    expect(pathOf(load(root))).toBe(file);
  });

  test('in a checkout what was built there wins', () => {
    put(prebuilt);
    const file = put(fresh);
    expect(pathOf(load(root))).toBe(file);
  });

  test('a build that does not load does not hide the prebuilt binary', () => {
    put(fresh, 'built elsewhere');
    const file = put(prebuilt);
    expect(pathOf(load(root))).toBe(file);
  });

  test('never in the working directory', () => {
    const before = process.cwd();
    put(fresh);
    const elsewhere = mkdtempSync(join(tmpdir(), 'nsnet-load-'));
    try {
      process.chdir(root);
      expect(() => load(elsewhere)).toThrow('there is no such file');
    } finally {
      process.chdir(before);
      rmSync(elsewhere, { recursive: true });
    }
  });

  test('where NSNET_BINARY says, if that is an absolute path, and nowhere else then', () => {
    const file = put('sanitized/nsnet.node');
    vi.stubEnv('NSNET_BINARY', file);
    expect(pathOf(load(root))).toBe(file);
    put(prebuilt);
    vi.stubEnv('NSNET_BINARY', join(root, 'gone.node'));
    expect(refusal().message).toContain(`${join(root, 'gone.node')}: there is no such file`);
    vi.stubEnv('NSNET_BINARY', 'sanitized/nsnet.node');
    expect(pathOf(load(root))).toBe(join(root, prebuilt));
  });
});

describe('what is said when it cannot be loaded', () => {
  test('every place that was tried, this system, what is in the package', () => {
    put('prebuilds/linux-mips/nsnet.glibc.node', '');
    put('prebuilds/linux-mips/nsnet.musl.node', '');
    const { message, cause } = refusal();
    expect(message).toContain(`${join(root, fresh)}: there is no such file`);
    expect(message).toContain(`${join(root, prebuilt)}: there is no such file`);
    expect(message).toContain('In the package: linux-mips (glibc, musl)');
    expect(message).toMatch(
      new RegExp(`This is ${system}, (glibc [\\d.]+|musl), Node.js ${process.version} `),
    );
    expect(cause).toBeUndefined();
  });

  test('no binary for this system', () => {
    put('prebuilds/linux-mips/nsnet.glibc.node', '');
    expect(refusal().hint).toContain(`There is no binary for ${system} (${libc()}); build one in a checkout`);
  });

  test('no binaries at all', () => {
    const error = refusal();
    expect(error.message).toContain('In the package: no binaries');
    expect(error.hint).toContain('keep nsnet out of the bundle');
    expect(error.hint).toContain(`rm -rf '${root}' && npm install nsnet@1.2.3`);
  });

  test('a checkout in which nothing was built', () => {
    put('binding.gyp', '');
    expect(refusal().hint).toBe(`Build it: cd '${root}' && npm run build`);
  });

  test('a damaged file', () => {
    const file = put(prebuilt, 'this is no ELF file, although its name says so');
    const error = refusal();
    expect(error.message).toContain(`${file}: `);
    expect(error.cause).toMatchObject({ code: 'ERR_DLOPEN_FAILED' });
    expect(error.hint).toMatch(
      /^The file is damaged, or meant for another system\. Install it again: rm -rf /,
    );
  });

  test('a file for another architecture', () => {
    const file = put(prebuilt);
    const bytes = Buffer.from(new Uint8Array(64));
    bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
    bytes.writeUInt16LE(3, 16);
    bytes.writeUInt16LE(process.arch === 'arm64' ? 62 : 183, 18);
    writeFileSync(file, bytes);
    expect(refusal().hint).toContain('meant for another system');
  });

  test.runIf(libc() === 'glibc')('a file for a newer system', () => {
    const file = put(prebuilt);
    writeFileSync(file, readFileSync(file, 'latin1').replace(/GLIBC_2\.\d\d\0/g, 'GLIBC_9.99\0'), 'latin1');
    const error = refusal();
    expect(error.message).toContain("version `GLIBC_9.99' not found");
    expect(error.hint).toContain('This system is older than the binary');
  });

  test('another platform', () => {
    const { platform } = process;
    Object.defineProperty(process, 'platform', { value: 'darwin' });
    try {
      const error = refusal();
      expect(error.message).toContain(`nsnet needs Linux, and this is darwin-${process.arch}`);
      expect(error.hint).toContain('Linux container');
    } finally {
      Object.defineProperty(process, 'platform', { value: platform });
    }
  });
});
