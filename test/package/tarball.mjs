import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const mayContain = [
  /^(package\.json|README\.md|LICENSE|CHANGELOG\.md)$/,
  /^bin\/nsnet\.js$/,
  /^dist\/([\w-]+\/)*[\w.-]*\.(js|d\.ts)$/,
  /^docs\/([\w-]+\/)*[\w-]+\.(md|svg|png)$/,
  /^prebuilds\/linux-(x64|arm64)\/nsnet\.(glibc|musl)\.node$/,
];
const mustContain = [
  'package.json',
  'README.md',
  'LICENSE',
  'CHANGELOG.md',
  'bin/nsnet.js',
  'dist/index.js',
  'dist/index.d.ts',
  'dist/syscalls/index.js',
  'dist/netlink/index.js',
  'dist/cli.js',
  `prebuilds/linux-${process.arch}/nsnet.glibc.node`,
];

/** Packs the checkout: the path of the tarball, the names in it, its size. */
export function pack(npm, checkout, directory) {
  const args = [npm, 'pack', '--json', '--pack-destination', directory];
  // Without what the outer npm tells its scripts: some of it makes the inner one warn.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)));
  const output = execFileSync(process.execPath, args, {
    cwd: checkout,
    env,
    encoding: 'utf8',
    stdio: 'pipe',
  });
  const [packed] = Object.values(JSON.parse(output));
  return {
    file: join(directory, packed.filename),
    names: packed.files.map(({ path }) => path),
    bytes: packed.size,
  };
}

/** What is wrong with the content, a line each. */
export function tarballProblems(names, checkout) {
  const { scripts = {}, gypfile } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8'));
  const unwanted = /^(pre|post)?(install|prepare|publish)|^prepublishOnly$|^(post)?pack$|^dependencies$/;
  return [
    ...names
      .filter((name) => !mayContain.some((pattern) => pattern.test(name)))
      .map((name) => `contains ${name}`),
    ...mustContain.filter((name) => !names.includes(name)).map((name) => `lacks ${name}`),
    ...Object.keys(scripts)
      .filter((name) => unwanted.test(name))
      .map((name) => `npm would run the script ${name}`),
    ...(gypfile === false ? [] : ['package.json lacks "gypfile": false']),
  ];
}
