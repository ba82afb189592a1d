export interface Entry {
  path: string;
  mode: number;
  data?: string | Buffer;
}
export function cpio(entries: Entry[]): Buffer;
export function directory(path: string): Entry;
export function file(path: string, data: string | Buffer, mode?: number): Entry;
export function link(path: string, target: string): Entry;
