#!/usr/bin/env node
// Mounts overlays with nsnet where others call mount(8): a helper by its convention,
//
//   mount.overlay SOURCE TARGET [-sfnv] [-o OPTIONS]        mount.nsnet -o lowerdir=a:b,upperdir=u,workdir=w TARGET
//
// To point a test suite at nsnet, build it (npm run build), and in a mount namespace of the suite's own
// (`unshare --mount`, so that nobody else's mounts change) put it where mount(8) looks for helpers of a type:
//
//   ln -s $PWD/test/mounts/mount.overlay.mjs /sbin/mount.overlay
//
// From then on `mount -t overlay …` is nsnet's, and `mount -i -t overlay …` the kernel's own:
//   unionmount-testsuite   ./run --ov, without the switches whose options are refused here (--xino, --verify)
//   xfstests               FSTYP=overlay, as its README.overlay has it: ./check -overlay -g overlay/quick
// Linked as /sbin/mount.nsnet it makes `mount -t nsnet …` nsnet's, and leaves the type overlay to the kernel.
//
// Options are set to nsnet's defaults where they are not given: metacopy=off, redirect_dir=nofollow, index=off. What
// it has no option for is refused (nfs_export, xino, uuid, verity, remount, bind, '::' in lowerdir); -s lets it pass.
// Exit codes are mount(8)'s: 1 for a wrong call, 32 for a mount that failed.
import { statSync } from 'node:fs';
import { OverlayMount } from 'nsnet';
import { helperArguments, UsageError } from './support/helper-arguments.mjs';

const WRONG_CALL = 1;
const FAILED = 32;

/** PROC_USER_INIT_INO: everywhere else nsnet keeps its marks in user.* attributes by itself. */
const INITIAL_USER_NAMESPACE = 0xeffffffd;

/** nsnet chooses it; a suite that asks for it is to know when it does not get it. */
function checkUserxattr(wanted) {
  if (wanted && statSync('/proc/self/ns/user').ino === INITIAL_USER_NAMESPACE)
    throw new UsageError('userxattr: nsnet has that in user namespaces only');
}

async function mount() {
  const { source, target, fake, verbose, overlay } = helperArguments(process.argv.slice(2));
  const { userxattr, ...options } = overlay;
  checkUserxattr(userxattr);
  if (fake) return;
  const made = await OverlayMount.create({ ...options, source, target });
  await made.release().close();
  if (verbose) console.log(`mount.overlay: ${source} mounted on ${made.path}.`);
}

try {
  await mount();
} catch (error) {
  const { message, kernel, hint } = error;
  console.error(`mount.overlay: ${[message, kernel, hint].filter(Boolean).join('\n  ')}`);
  process.exitCode = error instanceof UsageError ? WRONG_CALL : FAILED;
}
