// The package as its users get it: in an empty project, without a compiler, with no script run.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A PATH with node and a shell, and nothing else. */
function barePath(directory, node) {
  const bin = join(directory, 'bin');
  mkdirSync(bin);
  symlinkSync(node, join(bin, 'node'));
  symlinkSync('/bin/sh', join(bin, 'sh'));
  return bin;
}

/** An empty project in which npm has installed the tarball: { directory, env, problems }. */
export function install(npm, tarball, directory) {
  const kept = Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name));
  const env = { ...Object.fromEntries(kept), PATH: barePath(directory, process.execPath) };
  // The user's own configuration may make npm warn, too.
  const npmEnv = { ...env, npm_config_userconfig: '/dev/null', npm_config_update_notifier: 'false' };
  writeFileSync(join(directory, 'package.json'), '{ "name": "user", "private": true, "type": "module" }\n');
  const args = [npm, 'install', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', tarball];
  const run = spawnSync(process.execPath, args, { cwd: directory, env: npmEnv, encoding: 'utf8' });
  const problems = [];
  if (run.status !== 0) problems.push(`npm install: exit code ${run.status}\n${run.stderr}`);
  else if (/\bwarn\b/i.test(run.stderr)) problems.push(`npm install warns:\n${run.stderr}`);
  return { directory, env, problems };
}

/** Compiles a program against the installed package, its declarations checked as strictly as TypeScript can. */
export function compile(tsc, { directory, env }, source, types) {
  copyFileSync(source, join(directory, 'program.ts'));
  const compilerOptions = {
    target: 'ES2022',
    lib: ['ES2023', 'ESNext.Disposable'],
    module: 'NodeNext',
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    typeRoots: [types],
    types: ['node'],
  };
  writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.ts'] }));
  const run = spawnSync(process.execPath, [tsc, '-p', directory], { cwd: directory, env, encoding: 'utf8' });
  return run.status === 0 ? [] : [`a program does not compile:\n${run.stdout}`];
}

const entries = ['nsnet', 'nsnet/syscalls', 'nsnet/netlink', 'nsnet/package.json'];

/** What users do first, as `options` (uid, gid, env) say. */
export function programs({ directory, env }, { node = process.execPath, options = {} } = {}) {
  const bin = join(directory, 'node_modules/.bin/nsnet');
  const required = entries.map((name) => `require('${name}')`).join('; ');
  const runs = {
    'require() of all entries': ['-e', required],
    'the ping lab': ['program.js'],
    'nsnet doctor': [bin, 'doctor'],
  };
  return Object.entries(runs).flatMap(([title, args]) => {
    const spawnOptions = { cwd: directory, encoding: 'utf8', timeout: 60_000, ...options };
    const run = spawnSync(node, args, { ...spawnOptions, env: { ...options.env, ...env, HOME: directory } });
    if (run.status === 0) return [];
    return [
      `${title}: ${run.error?.message ?? run.signal ?? `exit code ${run.status}`}\n${run.stdout}${run.stderr}`,
    ];
  });
}
