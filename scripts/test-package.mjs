// npm run test:package: what would be published, from the binary's symbols to the lab run from an installed tarball.
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { binaryProblems, describeBinary } from '../test/package/binary.mjs';
import { compile, install, programs } from '../test/package/installed.mjs';
import { pack, tarballProblems } from '../test/package/tarball.mjs';
import { makePrebuilds } from './prebuilds.mjs';
import { prepare } from './prepare.mjs';
import { npmProgram } from './support/npm.mjs';
import { ordinaryUser } from './support/ordinary-user.mjs';
import { say } from './support/output.mjs';
import { at, packaged, root } from './support/root.mjs';
import { main, StepError, step } from './support/step.mjs';

const check = (title, find) =>
  step(title, async () => {
    const problems = await find();
    if (problems.length) throw new StepError(`${title}: ${problems.length} wrong`, problems.join('\n'));
  });

function asOrdinaryUser(project) {
  const user = ordinaryUser();
  try {
    return programs(project, user);
  } finally {
    user.remove();
  }
}

await main(async () => {
  await prepare('package');
  await makePrebuilds();
  const binary = at('prebuilds', `linux-${process.arch}`, 'nsnet.glibc.node');
  await check('the binary keeps its limits', () => binaryProblems(binary, root));
  const { versions, needed, bytes } = describeBinary(binary);
  const highest = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  say(`  ${bytes} bytes; ${highest.join(', ')}; ${needed.join(', ')}`);

  const directory = mkdtempSync(join(tmpdir(), 'nsnet-package-'));
  chmodSync(directory, 0o755);
  try {
    const npm = npmProgram();
    const tarball = pack(npm, root, directory);
    await check('the tarball holds what it should', () => tarballProblems(tarball.names, root));
    say(`  ${tarball.names.length} files, ${tarball.bytes} bytes`);
    const project = { directory: join(directory, 'project') };
    mkdirSync(project.directory);
    await check('it installs without scripts, compiler or warnings', () => {
      Object.assign(project, install(npm, tarball.file, project.directory));
      return project.problems;
    });
    await check('the lab compiles against it', () =>
      compile(packaged.tsc, project, at('examples/ping-lab.ts'), at('node_modules/@types')),
    );
    await check('the lab and the doctor run', () => programs(project));
    if (process.getuid() === 0) {
      await check('the lab and the doctor run for an ordinary user', () => asOrdinaryUser(project));
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
});
