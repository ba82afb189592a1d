import { readFileSync } from 'node:fs';
import { Bytes } from '../../lib/netlink/bytes.js';
import { type Frame, framesOf, readFrame } from '../../lib/netlink/frames.js';
import { codecOf } from './codecs.js';

/** One message as it was captured. */
export interface Golden {
  title: string;
  content: Uint8Array;
}

/** Reads what capture.py wrote: a title after '#', then hex, then an empty line. */
export function parseGoldens(text: string): Golden[] {
  return text
    .split('\n\n')
    .map((block) => block.trim().split('\n'))
    .filter((lines) => lines.length > 1)
    .map(([title = '', ...hex]) => ({
      title: title.replace(/^# /, ''),
      content: Uint8Array.from(Buffer.from(hex.join(''), 'hex')),
    }));
}

export function goldens(name: 'replies' | 'acks' | 'requests'): Golden[] {
  return parseGoldens(readFileSync(new URL(`goldens/${name}.hex`, import.meta.url), 'utf8'));
}

export function frameOf({ content }: Golden): Frame {
  const [frame] = framesOf(new Bytes(content));
  return frame as Frame;
}

/** Decodes a golden by its own type. */
export function read<T>(golden: Golden): T {
  const frame = frameOf(golden);
  return readFrame(codecOf(frame.type), new Bytes(golden.content), frame) as T;
}

/** Whether a decoded message holds, at any depth, attributes that no table knows. */
export function hasUnknown(value: unknown): boolean {
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return false;
  return 'unknown' in value || Object.values(value).some(hasUnknown);
}
