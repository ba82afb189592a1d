// One kernel of the matrix: boots it, shows what the tests print, and returns how each user fared.
import { existsSync, realpathSync } from 'node:fs';
import { boot } from './boot.mjs';
import { needKernel } from './fetch.mjs';
import { initramfs } from './initramfs.mjs';

let hardwareWorks = true;

/** { kernel, users: [{ user, exit, passed, failed, skipped, seconds }], error }, as far as the guest came. */
export async function runKernel({ version, tools, cache, project, vitest, minutes, say = console.log }) {
  const kernel = needKernel(version, cache);
  const { archive, absent } = initramfs(kernel, tools.busybox, jobScript(version, project, vitest));
  say(`\n--- Linux ${kernel.release}${absent.length ? `, without ${absent.join(', ')}` : ''}`);
  const limits = { boot: 180_000, run: minutes * 60_000 };
  const machine = { tools, kernel, archive, limits, say, accelerate: false };
  if (hardwareWorks && existsSync('/dev/kvm')) {
    const outcome = await follow(version, {
      ...machine,
      limits: { ...limits, boot: 20_000 },
      accelerate: true,
    });
    if (outcome.booted) return outcome;
    hardwareWorks = false;
    say('KVM does not boot it here, so it is emulated (some ten times slower)');
  }
  return follow(version, machine);
}

async function follow(version, { say, ...machine }) {
  const began = performance.now();
  const seconds = (from) => (performance.now() - from) / 1000;
  const outcome = { kernel: version, booted: false, users: [] };
  let run;
  try {
    for await (const { word, rest, text } of boot(machine)) {
      if (text !== undefined) say(text);
      if (word === 'boot') {
        outcome.booted = true;
        say(`booted in ${seconds(began).toFixed(1)} s`);
      }
      if (word === 'start') {
        run = { user: rest, began: performance.now() };
        outcome.users.push(run);
        say(`\n--- Linux ${version} as ${rest}`);
      }
      if (word === 'result') Object.assign(run, JSON.parse(rest));
      if (word === 'exit')
        Object.assign(run, { exit: Number(rest.split(' ')[1]), seconds: seconds(run.began) });
    }
  } catch (error) {
    outcome.error = error;
  }
  return outcome;
}

function jobScript(version, project, vitest) {
  const node = realpathSync(process.execPath);
  const command = [node, 'node_modules/vitest/vitest.mjs', ...vitest];
  return [
    `kernel=${quote(version)}`,
    `project=${quote(project)}`,
    `node=${quote(node)}`,
    `color=${process.stdout.isTTY ? 'FORCE_COLOR=1' : 'NO_COLOR=1'}`,
    `vitest() { "$@" ${command.map(quote).join(' ')}; }`,
    '',
  ].join('\n');
}

const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;
