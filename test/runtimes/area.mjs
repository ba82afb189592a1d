// The rows of one area, in whichever runtime this is: node area.mjs <name>. What came of each is a line of JSON; the
// process is then to end by itself.
import { descriptors, left } from './open.mjs';
import { areas } from './rows.mjs';

async function outcomeOf(run) {
  const before = descriptors();
  try {
    await run();
    const open = await left(before);
    if (open.length) throw new Error(`left behind: ${open.join(', ')}`);
    return { result: 'works' };
  } catch (error) {
    const result = error?.code === 'ERR_NSNET_UNSUPPORTED' ? 'typed error' : 'failed';
    return { result, error: `${error}\n${error?.stack}` };
  }
}

for (const [row, run] of Object.entries(areas[process.argv[2]])) {
  console.log(JSON.stringify({ row, ...(await outcomeOf(run)) }));
}
