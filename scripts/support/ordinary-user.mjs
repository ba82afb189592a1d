// The same program once more, as a user who may do nothing special.
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { at, root } from './root.mjs';

const id = { uid: 65534, gid: 65534 };

/** Whether the user can execute `file`, and read all of `paths` with it. */
function canRead(file, paths) {
  const script = 'for (const path of process.argv.slice(1)) fs.accessSync(path, fs.constants.R_OK)';
  return spawnSync(file, ['-e', script, ...paths], { ...id, cwd: '/', env: {} }).status === 0;
}

// Of each kind of file one: a checkout's permissions are those of the umask it was made with.
const samples = [
  'package.json',
  'lib',
  'dist',
  'node_modules/vitest/package.json',
  'build/Release/nsnet.node',
];

const left = ['.git', '.cache', 'build/runtimes'];

/**
 * What to spawn as uid and gid 65534 (libuv drops supplementary groups, the kernel the capabilities): node, or a copy
 * where that user cannot execute it, and options for spawn. `home` is the user's own.
 */
export function ordinaryUser() {
  const home = mkdtempSync(join(tmpdir(), 'nsnet-user-'));
  chownSync(home, id.uid, id.gid);
  let node = process.execPath;
  if (!canRead(node, [])) {
    node = join(home, basename(process.execPath));
    copyFileSync(process.execPath, node);
    chmodSync(node, 0o755);
  }
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|XDG_|SUDO_)|^(USER|LOGNAME|MAIL)$/.test(name),
  );
  const env = { ...Object.fromEntries(kept), HOME: home, TMPDIR: home };
  return {
    node,
    home,
    options: { ...id, env },
    remove: () => rmSync(home, { recursive: true, force: true }),
  };
}

/** This checkout, or a copy where the user cannot read it. */
export function readableCheckout({ node, home }) {
  if (
    canRead(
      node,
      samples.map((path) => at(path)),
    )
  )
    return root;
  const copy = join(home, 'checkout');
  const filter = (source) => !left.includes(relative(root, source));
  cpSync(root, copy, { recursive: true, verbatimSymlinks: true, filter });
  spawnSync('chmod', ['-R', 'a+rX', copy]);
  return copy;
}
