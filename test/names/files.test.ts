// The files of a named namespace, as `ip netns exec` shows them to programs: the C library is the witness.
import { getServers, V4MAPPED } from 'node:dns';
import { mkdir, readdir, rm, rmdir, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { Netns, Scope } from 'nsnet';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Names } from '../../lib/names/names.js';
import { internals } from '../../lib/namespaces/network.js';
import { connect, FAR, NEAR } from '../sockets/cable.js';
import { privileged } from '../support/privileges.js';
import { run } from '../support/witness.js';
import { a, aaaa, answer, cname, RCODE, TestServer, zone } from './nameserver.js';

const name = `nsnet-names-${process.pid}`;
const directory = `/etc/netns/${name}`;
const SECOND = '192.168.7.3';

describe.runIf(privileged)('/etc/netns/<name>/', () => {
  const scope = new Scope();
  let netns: Netns;
  let server: TestServer;
  let second: TestServer;
  let made = false;

  const records = zone([
    a('web.example', '10.0.0.1'),
    a('web.example', '10.0.0.2'),
    aaaa('web.example', 'fd00::1'),
    a('four.example', '10.0.0.4'),
    aaaa('six.example', 'fd00::6'),
    cname('alias.example', 'web.example'),
    a('a.b.sub.example', '10.0.0.5'),
  ]);

  const hosts = (text: string) => writeFile(`${directory}/hosts`, text);
  const resolvConf = (text: string) => writeFile(`${directory}/resolv.conf`, text);

  beforeAll(async () => {
    made = await readdir('/etc/netns').then(
      () => false,
      () => true,
    );
    await mkdir(directory, { recursive: true });
    netns = await scope.use(Netns.create(name));
    const far = await scope.use(Netns.create());
    await connect(netns, NEAR, far, FAR);
    await far.addresses.add({ device: 'eth0', address: `${SECOND}/24` });
    await far.sysctl('net.ipv4.icmp_ratelimit', 0);
    server = await scope.use(TestServer.open(far, FAR.inet, records));
    second = await scope.use(TestServer.open(far, SECOND, records));
  });
  afterAll(async () => {
    await scope[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
    if (made) await rmdir('/etc/netns').catch(() => {});
  });
  beforeEach(async () => {
    server.respond = records;
    server.questions();
    second.questions();
    await hosts('127.0.0.1 localhost\n::1 localhost\n');
    await resolvConf(`nameserver ${FAR.inet}\nsearch example sub.example\noptions timeout:1 attempts:1\n`);
  });

  const all = async (hostname: string, family: 0 | 4 | 6 = 0) =>
    promisify(netns.lookup)(hostname, { all: true, family, hints: family === 6 ? V4MAPPED : 0 }).then(
      (found) => found.map(({ address }) => address),
      (error) => error.code,
    );

  /** The same by getaddrinfo(3); getent asks with AI_V4MAPPED. */
  const witness = async (hostname: string, family: 0 | 4 | 6 = 0) => {
    const database = { 0: 'ahosts', 4: 'ahostsv4', 6: 'ahostsv6' }[family];
    const printed = await run('ip', ['netns', 'exec', name, 'getent', database, hostname]).catch(() => '');
    const addresses = printed.split('\n').flatMap((line) => line.match(/^\S+(?= +STREAM)/) ?? []);
    return addresses.length > 0 ? addresses : 'ENOTFOUND';
  };

  test.each([
    ['web.example', 0],
    ['web.example', 4],
    ['web.example', 6],
    ['WEB.Example.', 0],
    ['web', 0],
    ['web.', 0],
    ['four', 0],
    ['four.example', 6],
    ['six.example', 0],
    ['six.example', 4],
    ['alias.example', 0],
    ['alias', 4],
    ['a.b', 0],
    ['none.example', 0],
    ['none', 0],
    ['127.0.0.1', 0],
    ['127.1', 0],
    ['0x7f.1', 0],
    ['10.0.258', 0],
    ['::1', 0],
    ['a..b', 0],
    ['entered', 0],
    ['entered.more', 0],
    ['ENTERED', 4],
    ['six-entered', 0],
    ['six-entered', 6],
  ] as const)('%s, family %s: as the C library resolves it', async (hostname, family) => {
    await hosts(`
127.0.0.1 localhost
10.1.0.1 entered.more entered # comment
fd01::1 six-entered
garbage in a line
`);
    const [found, expected] = [await all(hostname, family), await witness(hostname, family)];
    expect(found).toEqual(expected);
  });

  test('nameservers are asked in turn, as the C library asks them', async () => {
    await resolvConf(`nameserver ${FAR.inet}\nnameserver ${SECOND}\noptions timeout:1 attempts:1\n`);
    for (const respond of [
      () => undefined,
      (asked: Parameters<typeof records>[0]) => answer(asked, [], { rcode: RCODE.SERVFAIL }),
      (asked: Parameters<typeof records>[0]) => answer(asked, [], { rcode: RCODE.REFUSED }),
    ]) {
      server.respond = respond;
      expect(await all('four.example', 4)).toEqual(['10.0.0.4']);
      const asked = [new Set(server.questions()), new Set(second.questions())];
      expect(await witness('four.example', 4)).toEqual(['10.0.0.4']);
      expect([new Set(server.questions()), new Set(second.questions())]).toEqual(asked);
    }
  });

  test('`use-vc` and truncated answers, as the C library has them', async () => {
    await resolvConf(`nameserver ${FAR.inet}\noptions use-vc timeout:1 attempts:1\n`);
    expect(await all('four.example', 4)).toEqual(['10.0.0.4']);
    expect(await witness('four.example', 4)).toEqual(['10.0.0.4']);
    expect(server.questions()).toEqual(['A four.example by TCP', 'A four.example by TCP']);
    await resolvConf(`nameserver ${FAR.inet}\n`);
    server.respond = (asked) => (asked.tcp ? records(asked) : answer(asked, [], { flags: 0x200 }));
    expect(await all('web.example')).toEqual(await witness('web.example'));
  });

  test('`rotate`: another one first each time', async () => {
    await resolvConf(`nameserver ${FAR.inet}\nnameserver ${SECOND}\noptions rotate\n`);
    for (let i = 0; i < 4; i++) await netns.resolve('four.example');
    expect([server.questions().length, second.questions().length]).toEqual([2, 2]);
  });

  test('netns.nameservers comes before the file, and without its search list', async () => {
    await using again = await Netns.open(name);
    again.nameservers = [SECOND];
    await expect(promisify(again.lookup)('four')).rejects.toMatchObject({ code: 'ENOTFOUND' });
    expect([server.questions(), second.questions()]).toEqual([[], ['A four', 'AAAA four']]);
    again.nameservers = [];
    expect(await promisify(again.lookup)('four')).toEqual({ address: '10.0.0.4', family: 4 });
    expect(second.questions()).toEqual([]);
  });

  test('hosts is read whenever it is needed, after netns.hosts', async () => {
    expect(await all('new.invalid')).toBe('ENOTFOUND');
    await hosts('10.1.0.1 new.invalid\n');
    expect(await all('new.invalid')).toEqual(['10.1.0.1']);
    await hosts('10.1.0.2 new.invalid\nfe80::7%eth0 zoned\n');
    expect(await all('NEW.invalid.')).toEqual(['10.1.0.2']);
    expect(await all('zoned')).toEqual(['fe80::7%eth0']);
    netns.hosts.set('new.invalid', '10.1.0.3');
    expect(await all('new.invalid')).toEqual(['10.1.0.3']);
    netns.hosts.clear();
    await rm(`${directory}/hosts`);
    expect(await all('new.invalid')).toBe('ENOTFOUND');
  });

  test('reverse() asks the hosts file', async () => {
    await hosts('10.1.0.1 Entered.more entered\n');
    expect(await netns.reverse('10.1.0.1')).toEqual(['Entered.more', 'entered']);
  });

  test('a file that cannot be read is an error: nobody else is asked instead', async () => {
    await rm(`${directory}/resolv.conf`);
    await mkdir(`${directory}/resolv.conf`);
    try {
      await expect(netns.resolve('web.example')).rejects.toMatchObject({
        code: 'EISDIR',
        subject: `${directory}/resolv.conf`,
      });
    } finally {
      await rmdir(`${directory}/resolv.conf`);
    }
    expect(server.questions()).toEqual([]);
  });

  test('a FIFO holds nobody up', async () => {
    await rm(`${directory}/hosts`);
    await run('mkfifo', [`${directory}/hosts`]);
    await expect(netns.reverse('10.1.0.1')).rejects.toMatchObject({ subject: `${directory}/hosts` });
    await rm(`${directory}/hosts`);
  });
});

test('without files of its own: the nameservers of /etc/resolv.conf, from inside', async () => {
  await using netns = await Netns.create();
  const settings = await Names.of(internals(netns)).settings();
  expect(settings.source).toBe('/etc/resolv.conf');
  const own = getServers().map((text) => text.replace(/%.*/, ''));
  expect(own.join(' ')).toContain(settings.nameservers[0]?.address);
  // Nothing leads there from a namespace with nothing but lo, and nobody listens.
  await expect(netns.resolve('web.example')).rejects.toMatchObject({
    code: 'ECONNREFUSED',
    hint: expect.stringContaining('set netns.nameservers, or /etc/netns/<name>/resolv.conf'),
  });
});
