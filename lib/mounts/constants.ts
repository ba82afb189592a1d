// linux/mount.h, linux/fcntl.h, linux/openat2.h, linux/magic.h. O_PATH is the same on the architectures nsnet runs on.

export const O_PATH = 0x200000;
export const O_CLOEXEC = 0x80000;

export const AT = {
  FDCWD: -100,
  SYMLINK_NOFOLLOW: 0x100,
  REMOVEDIR: 0x200,
  EMPTY_PATH: 0x1000,
  RECURSIVE: 0x8000,
};

export const RESOLVE = { NO_MAGICLINKS: 0x2, NO_SYMLINKS: 0x4, BENEATH: 0x8, IN_ROOT: 0x10 };

export const OPEN_TREE = { CLONE: 1, CLOEXEC: O_CLOEXEC };

export const MOVE_MOUNT = { F_EMPTY_PATH: 0x4, T_EMPTY_PATH: 0x40 };

/** mount_setattr(2). */
export const MOUNT_ATTR = {
  RDONLY: 0x1,
  NOSUID: 0x2,
  NODEV: 0x4,
  NOEXEC: 0x8,
  /** Which of the access times are kept; no bit is relatime. */
  ATIME: 0x70,
  NOATIME: 0x10,
  STRICTATIME: 0x20,
  NODIRATIME: 0x80,
  IDMAP: 0x100000,
  NOSYMFOLLOW: 0x200000,
};

/** mount(2). The propagations are also those of mount_setattr(2). */
export const MS = {
  RDONLY: 0x1,
  NOSUID: 0x2,
  NODEV: 0x4,
  NOEXEC: 0x8,
  NOSYMFOLLOW: 0x100,
  NOATIME: 0x400,
  NODIRATIME: 0x800,
  BIND: 0x1000,
  REC: 0x4000,
  UNBINDABLE: 1 << 17,
  PRIVATE: 1 << 18,
  SLAVE: 1 << 19,
  SHARED: 1 << 20,
  STRICTATIME: 1 << 24,
};

export const MNT_DETACH = 2;
export const UMOUNT_NOFOLLOW = 8;

export { FSCONFIG } from '../syscalls/mount-calls.js';

export const FSOPEN_CLOEXEC = 1;
export const FSMOUNT_CLOEXEC = 1;
