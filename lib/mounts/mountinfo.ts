import { type MountInfo, mountOptions } from './info.js';

/**
 * The text of /proc/<pid>/mountinfo, a line at a time; `unique` has unique ids by `id`. A line that is not one is left out: a newer kernel may add
 * optional fields, which are passed over, but never makes this throw. Bytes that are no UTF-8 are shown as U+FFFD, as
 * Node's own fs shows them.
 */
export function* parseMountinfo(
  bytes: Uint8Array,
  unique?: ReadonlyMap<number, number>,
): Generator<MountInfo, void, undefined> {
  // A character for each byte: what is ASCII stays as it is, and the rest is put together where it occurs.
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  for (let at = 0; at < text.length; ) {
    const found = text.indexOf('\n', at);
    const end = found < 0 ? text.length : found;
    const mount = parseLine(text.slice(at, end), unique);
    if (mount) yield mount;
    at = end + 1;
  }
}

/** One line: `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`. */
function parseLine(line: string, unique?: ReadonlyMap<number, number>): MountInfo | undefined {
  const plain = SPECIAL.test(line) ? plainOf : same;
  const fields = line.split(' ');
  const dash = fields.indexOf('-', 6);
  const [id = '', parent = '', device = '', root = '', target = '', options = ''] = fields;
  const [type, source = '', superOptions = ''] = dash < 0 ? [] : fields.slice(dash + 1);
  if (!type || !/^\d+$/.test(id) || !/^\d+$/.test(parent)) return undefined;
  const uniqueId = unique?.get(Number(id));
  const deleted = root.endsWith(DELETED);
  const name = plain(type);
  const dot = name.indexOf('.');
  return {
    id: Number(id),
    ...(uniqueId !== undefined && { uniqueId }),
    parent: Number(parent),
    device,
    root: plain(deleted ? root.slice(0, -DELETED.length) : root),
    ...(deleted && { deleted }),
    target: plain(target),
    type: dot < 0 ? name : name.slice(0, dot),
    ...(dot >= 0 && { subtype: name.slice(dot + 1) }),
    source: plain(source),
    options: mountOptions(words(options, plain)),
    superOptions: words(superOptions, plain),
    ...propagation(fields.slice(6, dash)),
  };
}

/** No path has two slashes in a row, so this is nobody's name. */
const DELETED = '//deleted';

/**
 * Split before they are unescaped: a comma that belongs to a value is written \054, and SELinux's contexts have commas
 * between quotes.
 */
function words(text: string, plain: (word: string) => string): string[] {
  const all = text.includes('="') ? text.match(/(?:="[^"]*"(?=,|$)|[^,])+/g) : text.split(',');
  return (all ?? []).filter((word) => word !== '').map(plain);
}

/** What has to be put back: escapes, and what is not ASCII. */
const SPECIAL = /[\\\x80-\xff]/;
const same = (field: string) => field;

const ESCAPE = /\\([0-3][0-7]{2})/g;

/** Octal escapes (of blanks, tabs, newlines, backslashes, and what an option's value must not hold), and UTF-8. */
function plainOf(field: string): string {
  const text = field.includes('\\')
    ? field.replace(ESCAPE, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
    : field;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what is not ASCII
  return /^[\x00-\x7f]*$/.test(text) ? text : Buffer.from(text, 'latin1').toString('utf8');
}

type Propagation = Pick<MountInfo, 'propagation' | 'peerGroup' | 'master' | 'propagateFrom'>;

function propagation(tags: readonly string[]): Propagation {
  const told: Propagation = { propagation: 'private' };
  for (const tag of tags) {
    const [name, value] = tag.split(':');
    if (name === 'shared') told.peerGroup = Number(value);
    else if (name === 'master') told.master = Number(value);
    else if (name === 'propagate_from') told.propagateFrom = Number(value);
    else if (name === 'unbindable') told.propagation = 'unbindable';
  }
  if (told.peerGroup !== undefined) told.propagation = 'shared';
  else if (told.master !== undefined) told.propagation = 'slave';
  return told;
}
