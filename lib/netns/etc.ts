import { readdir, readFile, stat } from 'node:fs/promises';
import { type Hosts, hostsText, resolvText } from '../names/files.js';
import { checkNetnsName, nameOf } from '../namespaces/names.js';
import type { Furnishing } from '../processes/furnishing.js';
import { systemError } from '../syscalls/errors.js';

/** Where iproute2 looks for what a network namespace has in place of the machine's files. */
const NETNS_ETC = '/etc/netns';

/** What a namespace knows by itself, whatever files there are. */
export interface Names {
  hosts?: Hosts;
  nameservers?: readonly string[];
}

/**
 * What programs in a network namespace that is pinned at `path` are to see below /etc: what is in /etc/netns/<name>/, as
 * ip-netns(8), and the files of its own names. What has no counterpart in /etc is left out, with a warning, as there.
 */
export async function etcOf(
  path: string | undefined,
  { hosts = new Map(), nameservers = [] }: Names,
): Promise<Pick<Furnishing, 'binds' | 'files'>> {
  const directory = directoryOf(path);
  const files: Furnishing['files'][number][] = [];
  const text = (one: string) => (directory ? textOf(`${directory}/${one}`) : undefined);
  if (hosts.size > 0) {
    const base = (await text('hosts')) ?? (await textOf('/etc/hosts')) ?? '';
    files.push({ name: 'hosts', target: '/etc/hosts', text: hostsText(hosts, base) });
  }
  if (nameservers.length > 0) {
    const base = (await text('resolv.conf')) ?? '';
    files.push({ name: 'resolv.conf', target: '/etc/resolv.conf', text: resolvText(nameservers, base) });
  }
  const binds = [];
  for (const one of directory ? await entriesOf(directory) : []) {
    const [source, target] = [`${directory}/${one}`, `/etc/${one}`];
    if (files.some((file) => file.name === one)) continue;
    if (await matches(source, target)) binds.push({ source, target });
    else warn(source, target);
  }
  return { binds, files };
}

/** A label is this process's alone: such files are for names that all programs know. */
function directoryOf(path: string | undefined): string | undefined {
  const name = nameOf(path);
  if (name === undefined) return undefined;
  checkNetnsName(name);
  return `${NETNS_ETC}/${name}`;
}

/** What may not be read is not taken for missing: a program would ask the machine's name server instead of its own. */
async function existing<T>(path: string, reading: Promise<T>): Promise<T | undefined> {
  return reading.catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR' || error.code === 'ELOOP') return undefined;
    throw systemError(error.errno ?? -5, error.syscall ?? 'open', { subject: path });
  });
}

const entriesOf = async (path: string) => (await existing(path, readdir(path))) ?? [];
const textOf = (path: string) => existing(path, readFile(path, 'utf8'));

/** Whether both are there, links followed, and both directories or both none. */
async function matches(source: string, target: string): Promise<boolean> {
  const [from, to] = await Promise.all([source, target].map((path) => existing(path, stat(path))));
  return from !== undefined && to !== undefined && from.isDirectory() === to.isDirectory();
}

const warned = new Set<string>();

/** Once for each. */
function warn(source: string, target: string): void {
  if (warned.has(source)) return;
  warned.add(source);
  process.emitWarning(
    `${source} is not seen as ${target}: one of them is missing, or only one is a directory`,
    {
      code: 'NSNET_ETC',
      type: 'NsnetWarning',
    },
  );
}
