import type { OverlayOptions } from 'nsnet';

export class UsageError extends Error {}

export function overlayOptions(
  text: string,
  options?: { sloppy?: boolean },
): OverlayOptions & { userxattr?: boolean };

export function helperArguments(args: readonly string[]): {
  source: string;
  target: string;
  fake: boolean;
  verbose: boolean;
  overlay: OverlayOptions & { userxattr?: boolean };
};
