import { capable } from '../syscalls/capabilities.js';

export { CAP, capable } from '../syscalls/capabilities.js';

/**
 * Whether namespaces are made and entered directly. Chosen by what this process may do, not by its uid: root in a
 * container may lack the capabilities, and an ordinary user may have been given them.
 */
export function privileged(): boolean {
  return capable('SYS_ADMIN', 'NET_ADMIN');
}
