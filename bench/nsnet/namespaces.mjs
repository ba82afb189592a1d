// All namespaces listed; and how long the event loop stood still meanwhile.
import { Namespace } from 'nsnet';
import { report, timed } from './common.mjs';
import { gapProbe } from './probes.mjs';

async function list() {
  const { took, value } = await timed(() => Namespace.list());
  const pids = value.find(({ type }) => type === 'pid')?.pids.length;
  if (!(pids >= 10_000)) throw new Error(`only ${pids} processes found`);
  return took;
}

const first = await list();
const again = await list();
const stop = gapProbe();
await list();
report({ first, again, held: stop().heldMax });
