// The same program once more, as a user who may do nothing special.
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { at, root } from './root.mjs';

const id = { uid: 65534, gid: 65534 };

/** A directory that only this user can write to. */
function home() {
  const directory = mkdtempSync(join(tmpdir(), 'nsnet-user-'));
  chownSync(directory, id.uid, id.gid);
  return directory;
}

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

const left = ['.git', '.cache', 'build-sanitize'];

function copyCheckout(to) {
  const filter = (source) => !left.includes(relative(root, source));
  cpSync(root, to, { recursive: true, verbatimSymlinks: true, filter });
  spawnSync('chmod', ['-R', 'a+rX', to]);
}

/**
 * What to spawn as uid and gid 65534 (libuv drops supplementary groups, the kernel the capabilities): the checkout to
 * work in, node, and options for spawn. Where this checkout or node cannot be read by that user, copies of them.
 */
export function ordinaryUser() {
  const temporary = home();
  let node = process.execPath;
  if (!canRead(node, [])) {
    node = join(temporary, basename(process.execPath));
    copyFileSync(process.execPath, node);
    chmodSync(node, 0o755);
  }
  let checkout = root;
  if (
    !canRead(
      node,
      samples.map((path) => at(path)),
    )
  ) {
    checkout = join(temporary, 'checkout');
    copyCheckout(checkout);
  }
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|XDG_|SUDO_)|^(USER|LOGNAME|MAIL)$/.test(name),
  );
  const env = { ...Object.fromEntries(kept), HOME: temporary, TMPDIR: temporary };
  const remove = () => rmSync(temporary, { recursive: true, force: true });
  return { node, checkout, home: temporary, options: { ...id, cwd: checkout, env }, remove };
}
