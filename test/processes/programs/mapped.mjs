// Tells how its program fares whose ids newuidmap(1) maps: mapped.mjs OPTIONS.
import { run } from '../../../dist/index.js';

const namespaces = { user: 'new' };
const script = 'cat /proc/self/uid_map /proc/self/gid_map; setpriv --reuid=7 --regid=8 --clear-groups id';
const told = await run('sh', ['-c', script], { namespaces, ...JSON.parse(process.argv[2]) }).then(
  ({ stdout }) => ({ said: stdout.replaceAll(/ +/g, ' ').trim().split('\n') }),
  ({ code, syscall, kernel, hint }) => ({ code, syscall, kernel, hint }),
);
console.log(JSON.stringify(told));
