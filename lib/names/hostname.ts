import { domainToASCII } from 'node:url';

/** Bytes of a label, and of a whole name as it is written (RFC 1035, section 2.3.4). */
const LABEL_MAX = 63;
const NAME_MAX = 253;

/** How names are compared: in lower case, in ASCII (IDNA), without the dot at the end. */
export function canonicalName(name: string): string {
  const lower = /[^\0-\x7f]/.test(name) ? domainToASCII(name) || name : name.toLowerCase();
  return lower.endsWith('.') ? lower.slice(0, -1) : lower;
}

/** Whether DNS can have a name, in its usual form: labels of 1 to 63 visible ASCII characters, 253 altogether. */
export function isDomainName(name: string): boolean {
  return (
    name.length <= NAME_MAX &&
    name.split('.').every((label) => /^[!-~]+$/.test(label) && label.length <= LABEL_MAX)
  );
}

/** Whether a host can be called so, as getaddrinfo(3) has it: no characters but letters, digits, '-' and '_'. */
export function isHostName(name: string): boolean {
  return isDomainName(name) && /^[a-z0-9_][a-z0-9_.-]*$/i.test(name);
}

const isBelow = (name: string, top: string) => name === top || name.endsWith(`.${top}`);

/** 'localhost' and all below it: always this namespace itself, whatever nameservers say (RFC 6761, section 6.3). */
export function isLocalhost(name: string): boolean {
  return isBelow(name, 'localhost');
}

/** Names that nameservers are not to be asked for: RFC 6761, section 6.4, and RFC 7686. */
export function isNeverAsked(name: string): boolean {
  return isBelow(name, 'invalid') || isBelow(name, 'onion');
}
