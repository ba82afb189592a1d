import { registerKind } from './kinds.js';
import { Link } from './link.js';

/** Hardware, lo, and links of kinds that nsnet has no class for: `info.options.type` names the kind. */
export class OtherLink extends Link<'other'> {}

registerKind('other', OtherLink);
