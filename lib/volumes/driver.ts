import type { Call } from '../handles/listing.js';
import { checkObject, checkString, invalidType } from '../syscalls/validate.js';
import { checkVolumeName } from './names.js';

/** What a volume is, as inspect() and list() give it: plain data. */
export interface VolumeInfo {
  name: string;
  /** Its driver's name: 'local' for those of nsnet's own. */
  driver: string;
  /** Where its content is; left out by a driver that mounts it only while it is used. */
  path?: string;
  labels: Record<string, string>;
  /** Milliseconds since 1970. */
  createdAt: number;
  /** Whether any process uses it, as far as this one can see. */
  inUse: boolean;
  /** Those that do, as far as this process can see them: not those of other pid namespaces. */
  users: VolumeUser[];
}

/** A process that uses a volume. */
export interface VolumeUser {
  pid: number;
  /** The program's name, of at most 15 bytes. */
  command: string;
}

/** What a driver is asked to make. */
export interface VolumeSpec {
  name: string;
  labels: Record<string, string>;
  /** The driver's own. */
  options: Record<string, string>;
}

/** What is copied into a volume: an image's root directory, by its path or by something with a descriptor of it. */
export type CopySource = string | { readonly fd: number };

export interface CopyUpOptions extends Call {
  /**
   * The directory within the source, looked up as if the source were the root directory: neither `..` nor a symbolic
   * link leads out of it. Default '/'.
   */
  path?: string;
  /**
   * What becomes of owners that this user may not give: 'keep' (default) fails with EPERM; with 'map' the files are
   * this user's, without setuid, setgid, and what attributes (file capabilities) this user may not set.
   */
  owners?: 'keep' | 'map';
  /** Whether device nodes are copied. Default false: EPERM. */
  devices?: boolean;
}

/** A volume in use: its path is good until it is closed. */
export interface VolumeAccess {
  readonly path: string;
  /** Whether content was copied up before. */
  readonly copied?: boolean;
  close(): Promise<void>;
}

/**
 * Storage for volumes. What is thrown should be a NsnetError, or another error with `code`: EEXIST and ENOENT as of
 * files, EBUSY for what is in use. Names have been checked.
 */
export interface VolumeDriver {
  readonly name: string;
  /** EEXIST if there is one of that name, whoever made it. */
  create(volume: VolumeSpec, call: Call): Promise<void>;
  /** ENOENT if there is none. */
  inspect(name: string, call: Call): Promise<VolumeInfo>;
  list(call: Call): Promise<VolumeInfo[]>;
  /** EBUSY while it is used. One that is not there is no error. */
  remove(name: string, call: Call): Promise<void>;
  /** Mounts it, or whatever it takes until there is a path to it. `copyUp` is asked only of those that have copyUp(). */
  open(name: string, call: Call & { copyUp?: CopyUpOptions & { from: CopySource } }): Promise<VolumeAccess>;
  /** Copies into an empty volume, all or nothing; false if it was not empty. */
  copyUp?(name: string, from: CopySource, options: CopyUpOptions): Promise<boolean>;
}

const METHODS = ['create', 'inspect', 'list', 'remove', 'open'] as const;

export function checkDriver(value: unknown): asserts value is VolumeDriver {
  checkObject('driver', value);
  const driver = value as Partial<VolumeDriver>;
  checkString('driver.name', driver.name);
  checkVolumeName(driver.name, 'driver.name');
  for (const method of METHODS) {
    if (typeof driver[method] !== 'function')
      throw invalidType(`driver.${method}`, 'a function', driver[method]);
  }
  if (driver.copyUp !== undefined && typeof driver.copyUp !== 'function')
    throw invalidType('driver.copyUp', 'a function', driver.copyUp);
}
