import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import bindings from 'bindings';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** Loads the add-on. */
export function load(): unknown {
  return bindings({ bindings: 'nsnet', module_root: root, try: [['module_root', 'build', 'Release', 'bindings']] });
}
