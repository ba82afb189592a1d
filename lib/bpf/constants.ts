/** Codes of classic BPF (linux/bpf_common.h, linux/filter.h): a class, and with | how much, from where, what to do. */
export const BPF = {
  LOAD: 0x00,
  LOAD_X: 0x01,
  STORE: 0x02,
  ALU: 0x04,
  JUMP: 0x05,
  RETURN: 0x06,
  MISC: 0x07,

  WORD: 0x00,
  HALF: 0x08,
  BYTE: 0x10,

  ABSOLUTE: 0x20,
  /** Behind what X says. */
  INDIRECT: 0x40,
  MEMORY: 0x60,
  /** The length of the packet. */
  LENGTH: 0x80,
  /** Four times the lower half of a byte: the length of an IPv4 header. */
  HEADER: 0xa0,

  ADD: 0x00,
  SUB: 0x10,
  MUL: 0x20,
  DIV: 0x30,
  OR: 0x40,
  AND: 0x50,
  SHIFT_LEFT: 0x60,
  SHIFT_RIGHT: 0x70,
  NEGATE: 0x80,
  MODULO: 0x90,
  XOR: 0xa0,

  /** With the register X instead of a constant. */
  X: 0x08,
  /** X = A. */
  TO_X: 0x00,
} as const;

/** What the kernel knows of a packet beside its bytes, by the offsets at which a socket's filter loads it. */
export const ANCILLARY = {
  packetType: 0xfffff004,
  link: 0xfffff008,
  hardware: 0xfffff01c,
  vlanTag: 0xfffff02c,
  vlanPresent: 0xfffff030,
  vlanProtocol: 0xfffff03c,
} as const;
