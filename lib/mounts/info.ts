/** What is mounted somewhere, as `findmnt` and /proc/<pid>/mountinfo (proc_pid_mountinfo(5)) tell it. */
export interface MountInfo {
  /** The number that mountinfo shows; used again after an unmount. */
  id: number;
  /**
   * From Linux 6.8 (statmount(2)): never used again until the machine is started anew. A number and not a bigint: they
   * count up from 2³¹ by one for each mount, and a number holds them exactly up to 2⁵³.
   */
  uniqueId?: number;
  /** `id` of the mount that this one is on; its own, or one that is not listed, if it is the root. */
  parent: number;
  /** 'major:minor' of the file system: st_dev of its files (with btrfs and overlays: of some). */
  device: string;
  /** The directory or file of the file system that is seen here: '/' for all of it; of a namespace 'net:[4026531840]'. */
  root: string;
  /** That directory or file was removed from its file system meanwhile. */
  deleted?: true;
  /** The mount point, as seen from the root directory of who asked. */
  target: string;
  /** The type of file system: 'ext4', 'overlay', 'fuse'. */
  type: string;
  /** What follows the dot: 'sshfs' of 'fuse.sshfs'. */
  subtype?: string;
  /** As whoever mounted it called it: a device, 'tmpfs', 'none', anything. */
  source: string;
  /** Of this mount. */
  options: MountOptions;
  /** Of the file system, as the kernel lists them: ['rw', 'size=1024k', 'lowerdir=/a:/b']. */
  superOptions: string[];
  /**
   * Where mounts below it go to and come from (mount_namespaces(7)): 'shared', to and from its peers; 'slave', from its
   * master only; 'private', 'unbindable', neither. A shared one with a `master` is also its slave.
   */
  propagation: 'shared' | 'slave' | 'private' | 'unbindable';
  /** The group of peers that a shared one is in. */
  peerGroup?: number;
  /** The peer group that a slave receives from. */
  master?: number;
  /** The nearest dominating peer group that can be seen from here, if that is not the master. */
  propagateFrom?: number;
}

/** What is forbidden on a mount, and how it notes the times of access. */
export interface MountOptions {
  readonly: boolean;
  nosuid: boolean;
  nodev: boolean;
  noexec: boolean;
  /** Symbolic links are not followed (5.10). */
  nosymfollow: boolean;
  /** 'relatime' is the kernel's default; 'strictatime' notes every access. */
  atime: 'relatime' | 'noatime' | 'strictatime';
  /** Not for directories. */
  nodiratime: boolean;
  /** Files belong to others here than on the file system (5.12). */
  idmapped: boolean;
  /** Options that nsnet does not know. */
  others?: string[];
}

const FLAGS = ['nosuid', 'nodev', 'noexec', 'nodiratime', 'nosymfollow', 'idmapped'] as const;

/** From the words of mountinfo's sixth field. */
export function mountOptions(words: readonly string[]): MountOptions {
  const options: MountOptions = {
    readonly: false,
    nosuid: false,
    nodev: false,
    noexec: false,
    nosymfollow: false,
    atime: 'strictatime',
    nodiratime: false,
    idmapped: false,
  };
  const others: string[] = [];
  for (const word of words) {
    if (word === 'ro') options.readonly = true;
    else if (word === 'noatime' || word === 'relatime') options.atime = word;
    else if ((FLAGS as readonly string[]).includes(word)) options[word as (typeof FLAGS)[number]] = true;
    else if (word !== 'rw') others.push(word);
  }
  if (others.length > 0) options.others = others;
  return options;
}

/** In the kernel's words and order (show_mnt_opts() in fs/proc_namespace.c). */
export function optionWords(options: MountOptions): string[] {
  const { readonly, nosuid, nodev, noexec, atime, nodiratime, nosymfollow, idmapped, others = [] } = options;
  const flags = { nosuid, nodev, noexec, noatime: atime === 'noatime', nodiratime };
  const later = { relatime: atime === 'relatime', nosymfollow, idmapped };
  const set = Object.entries({ ...flags, ...later }).filter(([, on]) => on);
  return [readonly ? 'ro' : 'rw', ...set.map(([word]) => word), ...others];
}
