// npm run test:sanitize [-- arguments for vitest]: the tests that reach native code, on an add-on built with
// AddressSanitizer and UndefinedBehaviorSanitizer; as root also as an ordinary user.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { prepare } from './prepare.mjs';
import { ordinaryUser, readableCheckout } from './support/ordinary-user.mjs';
import { at, packaged, root } from './support/root.mjs';
import { main, runNode, StepError, step } from './support/step.mjs';
import { closingLine, none, sum, vitest } from './support/vitest.mjs';

const directories = ['test/syscalls', 'test/namespaces', 'test/native', 'test/netns', 'test/volumes'];
/** What goes through the same native code whoever runs it. */
const once = ['test/volumes'];
const leftOut = {
  'test/namespaces/attacker.test.ts': 'searches all of its memory, which has terabytes of shadow here',
  'test/native/event-loop.test.ts': 'measures time',
  'test/native/killed.test.ts': 'ends processes before their sanitizers could say anything',
};

function sanitizerLibrary() {
  const file = execFileSync(process.env.CXX ?? 'c++', ['-print-file-name=libasan.so'], {
    encoding: 'utf8',
  }).trim();
  if (!isAbsolute(file)) throw new StepError('The C++ compiler has no libasan.so');
  return file;
}

function environment(checkout, inherited) {
  return {
    ...inherited,
    NSNET_BINARY: `${checkout}/build-sanitize/RelWithDebInfo/nsnet.node`,
    // Node is not instrumented, so the library has to be there before everything else.
    LD_PRELOAD: sanitizerLibrary(),
    // Node itself leaves memory to the end of the process, and with it all that it refers to.
    ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=1:detect_stack_use_after_return=0',
    UBSAN_OPTIONS: 'print_stacktrace=1',
    NSNET_SCALE: process.env.NSNET_SCALE ?? '0.1',
  };
}

await main(async () => {
  await prepare('sanitize');
  const build = [
    'compile',
    '--out',
    at('build-sanitize'),
    '--config',
    'RelWithDebInfo',
    '--CDNSNET_SANITIZE=ON',
  ];
  await step('build the add-on with sanitizers (cmake-js)', () =>
    runNode(packaged.cmakeJs, [...build, '--parallel', '4']),
  );
  const args = process.argv.slice(2).filter((argument) => argument !== '--verbose');
  const all = args.length === 0;
  if (all) {
    args.push(...directories.filter((directory) => existsSync(at(directory))));
    args.push(...Object.keys(leftOut).flatMap((file) => ['--exclude', file]));
  }

  console.log('\n── with sanitizers ──');
  let counts = sum(none(), await vitest(args, { options: { env: environment(root, process.env) } }));
  if (process.getuid() === 0) {
    const user = ordinaryUser();
    try {
      const checkout = readableCheckout(user);
      const options = { ...user.options, env: environment(checkout, user.options.env) };
      console.log(`\n── with sanitizers, as an ordinary user (uid ${options.uid}) ──`);
      const own = all ? args.filter((argument) => !once.includes(argument)) : args;
      counts = sum(counts, await vitest(own, { ...user, checkout, options }));
    } finally {
      user.remove();
    }
  }
  console.log(`\n${closingLine(counts)}`);
  process.exitCode = counts.failed === 0 ? 0 : 1;
});
