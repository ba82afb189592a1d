import { type Family, formatAddress, networkOf, parseAddress, parseCidr } from '../netlink/addresses.js';
import { invalidValue } from '../syscalls/validate.js';

/** A range of addresses that have a prefix in common. */
export class Subnet {
  readonly family: Family;
  /** Bits. */
  readonly prefix: number;
  readonly #first: bigint;

  private constructor(family: Family, first: bigint, prefix: number) {
    this.family = family;
    this.prefix = prefix;
    this.#first = first;
  }

  /** '172.17.0.0/16', without bits beyond the prefix. */
  static parse(name: string, text: string): Subnet {
    const { family, bytes, prefix } = parseCidr(name, text, { hostBits: 'refuse' });
    return new Subnet(family, numberOf(bytes), prefix);
  }

  /** The one that an address with a prefix length is in. */
  static around(bytes: Uint8Array, prefix: number): Subnet {
    return new Subnet(bytes.length === 4 ? 'inet' : 'inet6', numberOf(networkOf(bytes, prefix)), prefix);
  }

  get #bits(): number {
    return this.family === 'inet' ? 32 : 128;
  }

  /** How many addresses it has, those that no host may have included. */
  get size(): bigint {
    return 1n << BigInt(this.#bits - this.prefix);
  }

  /** The address so many after the first, which no host may have. */
  at(place: bigint): string {
    return textOf(this.#first + place, this.family);
  }

  /** How many after the first it is; undefined if it is not of this subnet. */
  placeOf(address: string): bigint | undefined {
    const { family, bytes } = parseAddress(address);
    const place = numberOf(bytes) - this.#first;
    return family === this.family && place >= 0n && place < this.size ? place : undefined;
  }

  /** Places that a host may have: not the network's own, and in IPv4 not the broadcast address (RFC 919; RFC 3021 at /31). */
  get hosts(): { from: bigint; to: bigint } {
    if (this.#bits - this.prefix <= 1) return { from: 0n, to: this.size - 1n };
    return { from: 1n, to: this.size - (this.family === 'inet' ? 2n : 1n) };
  }

  /** One of so many equal parts, rounded up to a power of two; undefined where they would be smaller than four addresses. */
  part(place: number, count: number): Subnet | undefined {
    const bits = Math.ceil(Math.log2(Math.max(1, count)));
    const prefix = this.prefix + bits;
    if (prefix > this.#bits - 2) return undefined;
    const size = 1n << BigInt(this.#bits - prefix);
    return new Subnet(this.family, this.#first + BigInt(place) * size, prefix);
  }

  overlaps(other: Subnet): boolean {
    if (other.family !== this.family) return false;
    const shorter = BigInt(this.#bits - Math.min(this.prefix, other.prefix));
    return this.#first >> shorter === other.#first >> shorter;
  }

  /** A host's address of it, or ERR_INVALID_ARG_VALUE. */
  check(name: string, address: string): bigint {
    parseAddress(address, name);
    const place = this.placeOf(address);
    const { from, to } = this.hosts;
    if (place === undefined || place < from || place > to) {
      throw invalidValue(name, `an address of a host in ${this}`, address);
    }
    return place;
  }

  /** 'address/prefix' of one of its addresses. */
  cidr(address: string): string {
    return `${address}/${this.prefix}`;
  }

  toString(): string {
    return this.cidr(this.at(0n));
  }
}

function numberOf(bytes: Uint8Array): bigint {
  return bytes.reduce((number, byte) => (number << 8n) | BigInt(byte), 0n);
}

function textOf(number: bigint, family: Family): string {
  const bytes = new Uint8Array(family === 'inet' ? 4 : 16);
  for (let i = bytes.length - 1, rest = number; i >= 0; i--, rest >>= 8n) bytes[i] = Number(rest & 0xffn);
  return formatAddress(bytes);
}
