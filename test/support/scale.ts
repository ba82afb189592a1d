/** How hard the stress tests work: 1 by default, less where a processor is emulated, more to look for rare races. */
export const scale = Number(process.env.NSNET_SCALE || 1);

/** `count` by that scale, and never less than `least`. */
export function scaled(count: number, least = 1): number {
  return Math.max(least, Math.round(count * scale));
}
