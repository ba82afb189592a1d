// npm test [-- arguments for vitest]: the tests as this user and, where that is root, once more as an ordinary user.

import { userInfo } from 'node:os';
import { prepare } from './prepare.mjs';
import { ordinaryUser, readableCheckout } from './support/ordinary-user.mjs';
import { root } from './support/root.mjs';
import { main } from './support/step.mjs';
import { closingLine, none, sum, vitest } from './support/vitest.mjs';

const heading = (text) => console.log(`\n── ${text} ──`);

await main(async () => {
  const args = process.argv.slice(2).filter((argument) => argument !== '--verbose');
  await prepare('test');
  const uid = process.getuid();
  heading(uid === 0 ? 'tests as root' : `tests as ${userInfo().username} (uid ${uid})`);
  let counts = sum(none(), await vitest(args));
  if (uid === 0) {
    const user = ordinaryUser();
    heading(`tests as an ordinary user (uid ${user.options.uid}, no capabilities)`);
    try {
      const checkout = readableCheckout(user);
      if (checkout !== root) console.log(`who cannot read ${root}: in a copy of it`);
      counts = sum(counts, await vitest(args, { ...user, checkout }));
    } finally {
      user.remove();
    }
  }
  console.log(`\n${closingLine(counts)}`);
  process.exitCode = counts.failed === 0 ? 0 : 1;
});
