import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { NsnetError } from './errors.js';
import { libc, libcVersion } from './libc.js';

/** A place that was tried; without an error there was nothing. */
export interface Attempt {
  path: string;
  error?: Error;
}

const system = () => `${process.platform}-${process.arch}`;

export function platformError(): NsnetError {
  return new NsnetError('ERR_NSNET_UNSUPPORTED', `nsnet needs Linux, and this is ${system()}`, {
    hint: 'Run it in a Linux container or virtual machine (Docker Desktop, Lima, WSL 2)',
  });
}

/** What binaries came with the package: 'linux-x64 (glibc)'. */
function shipped(root: string): string[] {
  const list = (...parts: string[]) => {
    const directory = join(root, 'prebuilds', ...parts);
    return existsSync(directory) ? readdirSync(directory) : [];
  };
  return list().flatMap((directory) => {
    const kinds = list(directory).flatMap((file) => /^nsnet\.(\w+)\.node$/.exec(file)?.[1] ?? []);
    return kinds.length ? [`${directory} (${kinds.join(', ')})`] : [];
  });
}

function version(root: string): string {
  try {
    return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;
  } catch {
    return 'latest';
  }
}

/** The way out, with what to type. */
function cure(root: string, attempts: Attempt[]): string {
  const said = attempts.map(({ error }) => error?.message ?? '').join('\n');
  const again = `Install it again: rm -rf '${root}' && npm install nsnet@${version(root)}`;
  const own = `build one in a checkout of nsnet on such a system, with \`npm run prebuilds\`, and copy its prebuilds/${system()} to ${join(root, 'prebuilds')}`;
  if (/GLIBC(XX)?_[\d.]+' not found/.test(said)) {
    return `This system is older than the binary, which needs what Node.js itself does (glibc 2.28): upgrade it, or ${own}`;
  }
  if (/failed to map segment|Operation not permitted|Permission denied/.test(said)) {
    return `Code may not be run from there; the file system may be mounted noexec: findmnt -T '${root}' -o TARGET,OPTIONS`;
  }
  if (existsSync(join(root, 'binding.gyp'))) return `Build it: cd '${root}' && npm run build`;
  if (attempts.some(({ error }) => error))
    return `The file is damaged, or meant for another system. ${again}`;
  const all = shipped(root);
  if (all.length === 0) {
    return `The package is not whole. If the program was bundled, keep nsnet out of the bundle (as external). ${again}`;
  }
  return `There is no binary for ${system()} (${libc()}); ${own}`;
}

/** One error for all that was tried: what was found, what this system is, what to do. */
export function loadError(root: string, attempts: Attempt[]): NsnetError {
  const lines = attempts.map(
    ({ path, error }) => `  ${path}: ${error ? error.message : 'there is no such file'}`,
  );
  const text = [
    'the native part of nsnet could not be loaded',
    'Tried:',
    ...lines,
    `In the package: ${shipped(root).join(', ') || 'no binaries'}`,
    `This is ${system()}, ${libcVersion()}, Node.js ${process.version} (module version ${process.versions.modules})`,
  ].join('\n');
  const cause = attempts.find(({ error }) => error)?.error;
  return new NsnetError('ERR_NSNET_UNSUPPORTED', text, { hint: cure(root, attempts), cause });
}
