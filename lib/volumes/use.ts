import { Handle } from '../handles/handle.js';
import type { VolumeAccess } from './driver.js';

/** A volume in use by this process: nobody removes it until this is closed, or the process ends. */
export class VolumeUse extends Handle {
  readonly name: string;
  /** Where its content is. */
  readonly path: string;
  /** Whether use() has copied content into it. */
  readonly copied: boolean;
  readonly #access: VolumeAccess;

  constructor(name: string, access: VolumeAccess) {
    super(false);
    this.name = name;
    this.path = access.path;
    this.copied = access.copied ?? false;
    this.#access = access;
    this.warnIfCollected(this.toString());
  }

  toString(): string {
    return `use of volume ${this.name} at ${this.path}`;
  }

  toJSON(): { name: string; path: string; copied: boolean } {
    return { name: this.name, path: this.path, copied: this.copied };
  }

  protected dispose(): Promise<void> {
    return this.#access.close();
  }
}
