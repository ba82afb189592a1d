import { padded } from './datatypes.js';

/** NFT_REG_1, where a value is put; NFT_REG32_00 and those behind are the same memory by four bytes. */
export const REGISTER = 1;
const REG32 = 8;
const WORDS = 16;

/** The register that is so many bytes behind NFT_REG_1. */
export function registerAt(bytes: number): number {
  const word = padded(bytes) / 4;
  if (word >= WORDS) throw new RangeError('More than 64 bytes of registers');
  return word % 4 === 0 ? REGISTER + word / 4 : REG32 + word;
}
