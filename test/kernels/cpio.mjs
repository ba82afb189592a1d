// A cpio archive in the "newc" format, the one the kernel unpacks as its first root file system.

/** entries: { path, mode (with the file type), data? }; parents must come before what they hold. */
export function cpio(entries) {
  const parts = [];
  const append = (inode, { path, mode, data = '' }) => {
    const bytes = Buffer.from(data);
    const name = `${path}\0`;
    const fields = [inode, mode, 0, 0, 1, 0, bytes.length, 0, 0, 0, 0, Buffer.byteLength(name), 0];
    const head = Buffer.from(
      `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}${name}`,
    );
    for (const part of [head, bytes]) parts.push(part, Buffer.alloc(-part.length & 3));
  };
  for (const [index, entry] of entries.entries()) append(index + 1, entry);
  append(0, { path: 'TRAILER!!!', mode: 0 });
  return Buffer.concat(parts);
}

export const directory = (path) => ({ path, mode: 0o040755 });
export const file = (path, data, mode = 0o755) => ({ path, mode: 0o100000 | mode, data });
export const link = (path, target) => ({ path, mode: 0o120777, data: target });
