// Two network namespaces and a cable between them: this is what `npm run lab` runs.
//
// It makes two namespaces, lays a virtual cable from one to the other, gives each end an address, sets both ends up and
// pings across. Each step is shown with the ip command that does the same, and with what there is after it. As root
// the namespaces are pinned under /run/netns, where `ip netns` finds them. An ordinary user's are no less real, but
// their names are known to this program only. At the end, or on Ctrl-C, all of it is removed again.
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs, styleText } from 'node:util';
import { type Echo, Netns, NsnetError, type PingSummary, Veth } from 'nsnet';

const usage = `Usage: npm run lab -- [options]

  --count <n>  echo requests to send: 1 to 100 (default 4)
  --help       show this text`;

const interrupted = new AbortController();
const { signal } = interrupted;

async function lab(count: number): Promise<void> {
  say(styled('bold', 'Two network namespaces and a cable between them'));
  say(picture);
  say('\n# marks the ip command that would do the same, $ the one that would print what stands below it.');

  headline('Before');
  await showNames();

  headline('1. Two namespaces');
  command('ip netns add test1', 'ip netns add test2');
  await using test1 = await createNetns('test1');
  await using test2 = await createNetns('test2');
  await showNames();
  if (!test1.path) say('(names that only this program knows: to pin them under /run/netns takes privileges)');
  await showAddresses(test1, test2);

  headline('2. A cable');
  command(`ip link add veth-test1 netns ${test1.name} type veth peer name veth-test2 netns ${test2.name}`);
  await using cable = await Veth.create(
    { netns: test1, name: 'veth-test1', signal },
    { netns: test2, name: 'veth-test2', signal },
  );
  await showAddresses(test1, test2);

  headline('3. Addresses');
  command(
    `ip -n ${test1.name} addr add 192.168.1.1/24 dev veth-test1`,
    `ip -n ${test2.name} addr add 192.168.1.2/24 dev veth-test2`,
  );
  await cable.a.addAddress('192.168.1.1/24', { signal });
  await cable.b.addAddress('192.168.1.2/24', { signal });
  await showAddresses(test1, test2);

  headline('4. Both ends up');
  say('before:');
  for (const end of cable) say(`${end.name} is ${state(end)}`);
  command(`ip -n ${test1.name} link set veth-test1 up`, `ip -n ${test2.name} link set veth-test2 up`);
  await Promise.all([cable.a.up({ signal }), cable.b.up({ signal })]);
  await Promise.all([carrier(cable.a), carrier(cable.b)]);
  say('after:');
  for (const end of cable) say(`${end.name} is ${state(end)}`);
  await showAddresses(test1, test2);

  headline('5. A ping across');
  command(`ip netns exec ${test2.name} ping -c ${count} 192.168.1.1`);
  const ping = test2.ping('192.168.1.1', { count, signal });
  for await (const echo of ping) say(describeEcho(echo));
  const summary = await ping;
  say(describeSummary(summary));
  if (summary.received === 0) throw new Error('No reply came back');
}

const picture = `
        test1                                 test2
  ┌────────────────┐                    ┌────────────────┐
  │           veth-test1 ────────── veth-test2           │
  │  192.168.1.1/24│                    │192.168.1.2/24  │
  └────────────────┘                    └────────────────┘`;

/** A namespace of that name; of another if the name is taken, for what has it is not ours to touch. */
async function createNetns(name: string): Promise<Netns> {
  try {
    return await Netns.create({ name, loopback: false, signal });
  } catch (error) {
    if (!(error instanceof NsnetError) || error.code !== 'EEXIST') throw error;
    const other = `${name}-${process.pid}`;
    say(`A network namespace named ${name} exists already. It is left alone: this lab's is ${other}.`);
    return Netns.create({ name: other, loopback: false, signal });
  }
}

async function showNames(): Promise<void> {
  say(styled('dim', '$ ip netns list'));
  const names = (await Netns.list({ signal })).map(({ name }) => name);
  say(names.length > 0 ? names.join('\n') : '(none)');
}

async function showAddresses(...all: Netns[]): Promise<void> {
  for (const netns of all) {
    say(styled('dim', `\n$ ip -n ${netns.name} address`));
    say((await netns.addresses.describe({ signal })).trimEnd());
  }
}

/** Waits until the other end is noticed to be up as well: the kernel takes a moment over it. */
async function carrier(end: Veth): Promise<void> {
  while ((await end.refresh({ signal })).info.state !== 'up') await sleep(5, undefined, { signal });
}

function state({ info }: Veth): string {
  return styled(info.state === 'up' ? 'green' : 'red', info.state.toUpperCase());
}

function describeEcho(echo: Echo): string {
  const sequence = `icmp_seq=${echo.sequence}`;
  if (echo.type === 'lost') return `no answer to ${sequence}`;
  if (echo.type === 'unreachable') return `From ${echo.from} ${sequence} Destination Unreachable`;
  if (echo.type === 'expired') return `From ${echo.from} ${sequence} Time to live exceeded`;
  const { bytes, from, ttl, rtt, type } = echo;
  const line = `${bytes} bytes from ${from}: ${sequence} ttl=${ttl} time=${rtt.toFixed(3)} ms`;
  return type === 'duplicate' ? `${line} (DUP!)` : line;
}

function describeSummary({ sent, received, lost, rtt }: PingSummary): string {
  const loss = Math.round((100 * lost) / sent);
  const line = `\n${sent} packets transmitted, ${received} received, ${loss}% packet loss`;
  if (!rtt) return line;
  const times = [rtt.min, rtt.avg, rtt.max, rtt.mdev].map((time) => time.toFixed(3));
  return `${line}\nrtt min/avg/max/mdev = ${times.join('/')} ms`;
}

function headline(title: string): void {
  say(`\n${styled('bold', `── ${title} ──`)}`);
}

/** Shown before its doing, so that what was printed above it was before, and what is below it after. */
function command(...lines: string[]): void {
  for (const line of lines) say(styled('dim', `# ${line}`));
}

function styled(style: 'bold' | 'dim' | 'green' | 'red', text: string): string {
  return process.stdout.isTTY && !process.env.NO_COLOR ? styleText(style, text) : text;
}

function say(text: string): void {
  console.log(text);
}

function fail(error: unknown): void {
  const { message, hint } = error as Partial<NsnetError>;
  console.error(`\n${message ?? error}`);
  if (hint && !message?.includes(hint)) console.error(hint);
  process.exitCode = 1;
}

function options(): { count: number; help: boolean } {
  const { values } = parseArgs({
    options: { count: { type: 'string', default: '4' }, help: { type: 'boolean', default: false } },
  });
  const count = Number(values.count);
  if (!Number.isInteger(count) || count < 1 || count > 100) {
    throw new Error(`Expected a number from 1 to 100 for --count but received '${values.count}'\n\n${usage}`);
  }
  return { count, help: values.help };
}

// What was made must go when the lab is interrupted, too, and when nobody reads its output any more.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, () => interrupted.abort());
process.stdout.on('error', () => interrupted.abort());

try {
  const { count, help } = options();
  if (help) say(usage);
  else await lab(count);
} catch (error) {
  if (!signal.aborted) fail(error);
  else {
    console.error('\nInterrupted: what the lab had made is gone again.');
    process.exitCode = 130;
  }
}
