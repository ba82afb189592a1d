// Reads what mount(8) hands to its helpers, and the options of overlayfs in it.
import { parseArgs } from 'node:util';

/** What is wrong with the arguments; mount(8) has the exit code 1 for that. */
export class UsageError extends Error {}

const ESCAPED = /\\(.)/gs;

/** Splits where `separator` is not behind a backslash, as overlayfs does; the backslashes stay. */
function split(text, separator) {
  const parts = [''];
  for (const [piece] of text.matchAll(/\\.|./gs)) {
    if (piece === separator) parts.push('');
    else parts[parts.length - 1] += piece;
  }
  return parts;
}

const unescaped = (text) => text.replace(ESCAPED, '$1');

function path(name, value) {
  if (value === undefined || value === '') throw new UsageError(`${name} needs a directory`);
  return unescaped(value);
}

function layers(name, value) {
  const all = split(value ?? '', ':');
  if (all.slice(1, -1).includes(''))
    throw new UsageError(`${name}: '::', layers of data alone, is more than nsnet has`);
  return all.map((one) => path(name, one));
}

function oneOf(values) {
  return (name, value) => {
    if (!Object.hasOwn(values, value ?? '')) {
      throw new UsageError(`${name} is ${Object.keys(values).join(' or ')} here, not '${value ?? ''}'`);
    }
    return values[value];
  };
}

const flag = (given) => (name, value) => {
  if (value !== undefined) throw new UsageError(`${name} takes no value`);
  return given;
};

const onOff = oneOf({ on: true, off: false });

/** Each option: which of OverlayMount's it sets, and to what. */
const OPTIONS = {
  lowerdir: ['lower', layers],
  upperdir: ['upper', path],
  workdir: ['work', path],
  volatile: ['volatile', flag(true)],
  metacopy: ['metacopy', onOff],
  // nsnet never follows what it may not make: off and nofollow are the same to it.
  redirect_dir: ['redirectDir', oneOf({ on: true, off: false, nofollow: false })],
  index: ['index', onOff],
  userxattr: ['userxattr', flag(true)],
  ro: ['readonly', flag(true)],
  rw: ['readonly', flag(false)],
  nosuid: ['nosuid', flag(true)],
  suid: ['nosuid', flag(false)],
  nodev: ['nodev', flag(true)],
  dev: ['nodev', flag(false)],
  noexec: ['noexec', flag(true)],
  exec: ['noexec', flag(false)],
  nosymfollow: ['nosymfollow', flag(true)],
  noatime: ['atime', flag('noatime')],
  relatime: ['atime', flag('relatime')],
  strictatime: ['atime', flag('strictatime')],
  nodiratime: ['nodiratime', flag(true)],
};

/** What is for mount(8), /etc/fstab and systemd, which mount(8) does not always keep to itself. */
const NOT_FOR_US = /^(defaults|auto|noauto|nofail|_netdev|[xX]-.*|comment=.*)$/s;

/** `lowerdir=a:b,upperdir=u,…` as options of OverlayMount.create(). With `sloppy` those that are unknown are left out. */
export function overlayOptions(text, { sloppy = false } = {}) {
  const options = {};
  for (const option of split(text, ',')) {
    if (option === '' || NOT_FOR_US.test(option)) continue;
    const [, name, , value] = /^([^=]*)(=(.*))?$/s.exec(option);
    const known = Object.hasOwn(OPTIONS, name) ? OPTIONS[name] : undefined;
    if (!known && sloppy) continue;
    if (!known) {
      const all = Object.keys(OPTIONS).join(', ');
      throw new UsageError(`the option '${option}' is not known here; there are: ${all}`);
    }
    const [key, read] = known;
    options[key] = read(name, value);
  }
  if (!options.lower) throw new UsageError('the option lowerdir is missing');
  return options;
}

/** [SOURCE] TARGET [-sfnv] [-o OPTIONS]. */
export function helperArguments(args) {
  let read;
  try {
    read = parseArgs({
      args,
      allowPositionals: true,
      options: {
        sloppy: { type: 'boolean', short: 's', default: false },
        fake: { type: 'boolean', short: 'f', default: false },
        nomtab: { type: 'boolean', short: 'n', default: false },
        verbose: { type: 'boolean', short: 'v', default: false },
        options: { type: 'string', short: 'o', multiple: true, default: [] },
      },
    });
  } catch (error) {
    throw new UsageError(error.message);
  }
  const { sloppy, fake, verbose, options } = read.values;
  if (read.positionals.length < 1 || read.positionals.length > 2)
    throw new UsageError('usage: mount.overlay [SOURCE] TARGET [-sfnv] -o OPTIONS');
  const [target, source = 'overlay'] = [...read.positionals].reverse();
  return { source, target, fake, verbose, overlay: overlayOptions(options.join(','), { sloppy }) };
}
