import { readFileSync } from 'node:fs';

const CAP_NET_ADMIN = 12n;
const CAP_SYS_ADMIN = 21n;

const [, effective = '0'] = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];

const has = (capability: bigint) => ((BigInt(`0x${effective}`) >> capability) & 1n) === 1n;

/** Whether this process may do everything; otherwise nsnet goes the rootless way. */
export const privileged = has(CAP_SYS_ADMIN) && has(CAP_NET_ADMIN);
