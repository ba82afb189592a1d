import type { BpfInstruction } from '../bpf/assembler.js';
import { MAX_INSTRUCTIONS } from '../bpf/assembler.js';
import type { Call } from '../handles/listing.js';
import { checkLinkRef } from '../links/devices.js';
import type { LinkRef } from '../links/types.js';
import { bytesOf, type Size } from '../mounts/size.js';
import type { Internals } from '../namespaces/network.js';
import {
  checkBoolean,
  checkInteger,
  checkKeys,
  checkObject,
  checkSignal,
  checkString,
  invalidType,
  invalidValue,
  outOfRange,
} from '../syscalls/validate.js';
import type { Block } from './filter/frame.js';
import { parse } from './filter/parser.js';

/** What `netns.capture()` takes. */
export interface CaptureOptions extends Call {
  /** Links to listen on. Default: all there are, and those that come. */
  links?: LinkRef | readonly LinkRef[];
  /**
   * Which packets: 'tcp port 80 and host 10.0.0.1', in the language of pcap-filter(7); or a program of classic BPF, which
   * returns how many bytes of a packet to take.
   */
  filter?: string | readonly BpfInstruction[];
  /** Bytes to take of each packet: 1 to 262,144, which is the default and takes all. */
  snaplen?: number;
  /** A pcapng file to write them to; one that is there is written over. */
  file?: string;
  /** Also packets that are for others, where the links get them. Default false. */
  promiscuous?: boolean;
  /** Memory of the kernel's for packets that are yet to be read, 1M to 1G. Default '8M'. */
  buffer?: Size;
}

/** CaptureOptions with the defaults filled in. */
export interface CaptureSettings {
  links?: readonly LinkRef[];
  filter?: Block | readonly BpfInstruction[];
  /** The filter, as it was written. */
  text?: string;
  snaplen: number;
  file?: string;
  promiscuous: boolean;
  buffer: number;
  signal?: AbortSignal;
}

const KEYS = ['links', 'filter', 'snaplen', 'file', 'promiscuous', 'buffer', 'signal'];
const ELSEWHERE = {
  interface: [['links', "use links: 'eth0'."]],
  device: [['links', "use links: 'eth0'."]],
  link: [['links', "use links: 'eth0'."]],
  count: [['signal', 'leave the loop.']],
} as const;

export const MOST = 262_144;

/** What the program puts in front of a filter, and one more for each link. */
const FRONT = 8;

/** Throws unless the options are well-formed. */
export function checkCaptureOptions(options: CaptureOptions, inner: Internals): CaptureSettings {
  checkObject('options', options);
  checkKeys('options', options, KEYS, ELSEWHERE);
  const { filter, snaplen = MOST, file, promiscuous = false, buffer = '8M', signal } = options;
  const links = checkLinks(options.links, inner);
  checkInteger('snaplen', snaplen, 1, MOST);
  if (file !== undefined) {
    checkString('file', file);
    if (file === '') throw invalidValue('file', 'a path', file);
  }
  checkBoolean('promiscuous', promiscuous);
  const bytes = bytesOf('buffer', buffer, 2 ** 20);
  if (bytes > 2 ** 30) throw outOfRange('buffer', 'at most 1G', buffer);
  checkSignal(signal);
  const text = typeof filter === 'string' ? filter : undefined;
  return { links, filter: checkFilter(filter), text, snaplen, file, promiscuous, buffer: bytes, signal };
}

function checkLinks(links: CaptureOptions['links'], inner: Internals): readonly LinkRef[] | undefined {
  if (links === undefined) return undefined;
  const list = Array.isArray(links) ? (links as readonly LinkRef[]) : [links as LinkRef];
  if (list.length === 0) throw invalidValue('links', 'at least one link', links);
  for (const [i, link] of list.entries())
    checkLinkRef(link, inner, Array.isArray(links) ? `links[${i}]` : 'links');
  return [...list];
}

function checkFilter(filter: CaptureOptions['filter']): CaptureSettings['filter'] {
  if (filter === undefined) return undefined;
  if (typeof filter === 'string') return filter.trim() === '' ? undefined : parse(filter);
  if (!Array.isArray(filter)) throw invalidType('filter', 'a string or an array of BPF instructions', filter);
  const most = MAX_INSTRUCTIONS - FRONT;
  if (filter.length === 0 || filter.length > most)
    throw invalidValue('filter', `1 to ${most} instructions`, filter.length);
  return filter.map((instruction, i) => {
    const at = `filter[${i}]`;
    checkObject(at, instruction);
    checkKeys(at, instruction, ['code', 'jt', 'jf', 'k']);
    const { code, jt, jf, k } = instruction as BpfInstruction;
    checkInteger(`${at}.code`, code, 0, 0xffff);
    checkInteger(`${at}.jt`, jt, 0, 0xff);
    checkInteger(`${at}.jf`, jf, 0, 0xff);
    checkInteger(`${at}.k`, k, 0, 0xffffffff);
    return { code, jt, jf, k };
  });
}
