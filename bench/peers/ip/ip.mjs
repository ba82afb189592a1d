// The peer that most Node programs use today: the `ip` command by child_process, one command at a time, or fed
// with batches. Usage: ip.mjs lab|star one|batch, routes one|batch AMOUNT, dump text|json|parsed, links.
import { spawnSync } from 'node:child_process';
import * as commands from './commands.mjs';

function ip(args, input) {
  const run = spawnSync('ip', args, { input, encoding: 'utf8', maxBuffer: 2 ** 28 });
  if (run.error) throw run.error;
  if (run.status !== 0) throw new Error(`ip ${args.join(' ')}: ${run.stderr.trim()}`);
  return run.stdout;
}

const inNamespace = (name) => (name ? ['-n', name] : []);

function oneByOne(list) {
  for (const [namespace, command] of list) ip([...inNamespace(namespace), ...command.split(' ')]);
}

function inBatches(list) {
  const batches = [];
  for (const [namespace, command] of list) {
    if (batches.at(-1)?.namespace !== namespace) batches.push({ namespace, lines: '' });
    batches.at(-1).lines += `${command}\n`;
  }
  for (const { namespace, lines } of batches) ip([...inNamespace(namespace), '-batch', '-'], lines);
}

function took(work) {
  const start = process.hrtime.bigint();
  work();
  return Number(process.hrtime.bigint() - start);
}

const apply = { one: oneByOne, batch: inBatches };

function upAndDown({ up, down }, way) {
  const first = took(() => apply[way](up));
  return { first, teardown: took(() => apply[way](down)) };
}

/** Lets a pipe be read by a program that does it faster than spawnSync. */
function read(way) {
  const command = way === 'json' ? 'ip -j route | wc -c' : 'ip route | wc -c';
  const { stdout } = spawnSync('sh', ['-c', command], { encoding: 'utf8' });
  if (Number(stdout) < 1_000_000) throw new Error(`only ${stdout.trim()} bytes of routes`);
}

function links() {
  const lists = 50;
  const all = took(() => {
    for (let i = 0; i < lists; i++) JSON.parse(ip(['-j', '-d', 'link']));
  });
  return { list: all / lists };
}

const scenarios = {
  lab: (way) => upAndDown(commands.lab, way),
  star: (way) => upAndDown(commands.star, way),
  routes(way, amount) {
    ip(['link', 'set', 'lo', 'up']);
    const list = commands.routes(Number(amount)).map((command) => ['', command]);
    return { first: took(() => apply[way](list)) };
  },
  dump: (way) => ({ first: took(() => (way === 'parsed' ? JSON.parse(ip(['-j', 'route'])) : read(way))) }),
  links,
};

const [scenario, ...rest] = process.argv.slice(2);
console.log(JSON.stringify(scenarios[scenario](...rest)));
