/** Offsets in struct seccomp_data on a little-endian machine; of an argument its lower half. */
export const DATA = { number: 0, architecture: 4, argument: (index: number) => 16 + 8 * index } as const;
