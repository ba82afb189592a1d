import { Netns, Scope } from 'nsnet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseHosts } from '../../lib/names/hosts-file.js';
import { lookupAll } from '../../lib/names/lookup.js';
import { internals } from '../../lib/namespaces/network.js';
import { connect } from '../sockets/cable.js';

const scope = new Scope();
afterAll(() => scope[Symbol.asyncDispose]());

const v4 = (address: string) => ({ address, family: 4 });
const v6 = (address: string) => ({ address, family: 6 });

describe('a hosts file', () => {
  test('several names a line, comments, both families, zones; garbage is skipped', () => {
    const { addresses, names } = parseHosts(`
# a comment
127.0.0.1\tlocalhost   loopback # localhost.invalid
10.0.0.1 Web.Example.  web
10.0.0.2	web#comment
fd00:0:0::1 web
fe80::1%eth0 router
10.0.0.1 web
999.0.0.1 bad
fe80::1% bad
10.0.0.3%eth0 bad
not-an-address web
10.0.0.4
\u0000\u0001 \uFFFD
10.0.0.5 bücher.example\r
`);
    expect(Object.fromEntries(addresses)).toEqual({
      localhost: [v4('127.0.0.1')],
      loopback: [v4('127.0.0.1')],
      'web.example': [v4('10.0.0.1')],
      web: [v4('10.0.0.1'), v4('10.0.0.2'), v6('fd00:0:0::1')],
      router: [v6('fe80::1%eth0')],
      'xn--bcher-kva.example': [v4('10.0.0.5')],
    });
    expect(names.get('10.0.0.1')).toEqual(['Web.Example.', 'web', 'web']);
    expect(names.get('fd00::1')).toEqual(['web']);
    expect(names.get('fe80::1%eth0')).toEqual(['router']);
  });
});

describe('without a nameserver', () => {
  let netns: Netns;
  const lookup = (name: string, family?: 0 | 4 | 6) => lookupAll(internals(netns), name, { family });

  beforeAll(async () => {
    netns = await scope.use(Netns.create());
  });

  test('addresses are answered as they are', async () => {
    expect(await lookup('192.0.2.1')).toEqual([v4('192.0.2.1')]);
    expect(await lookup('fd00:0::1')).toEqual([v6('fd00:0::1')]);
    expect(await lookup('fe80::1%eth0', 4)).toEqual([v6('fe80::1%eth0')]);
    expect(await lookup('')).toEqual([]);
  });

  test.each([
    ['127.1', '127.0.0.1'],
    ['0x7f.0.0.1', '127.0.0.1'],
    ['0177.0.0.01', '127.0.0.1'],
    ['2130706433', '127.0.0.1'],
    ['10.258', '10.0.1.2'],
    ['1.2.772', '1.2.3.4'],
  ])('%s is %s', async (text, address) => {
    expect(await lookup(text)).toEqual([v4(address)]);
  });

  test('localhost is this namespace, whatever anybody enters', async () => {
    netns.hosts.set('localhost', '10.0.0.1');
    for (const name of ['localhost', 'LOCALHOST.', 'a.b.localhost']) {
      expect(await lookup(name)).toEqual([v6('::1'), v4('127.0.0.1')]);
      expect(await lookup(name, 4)).toEqual([v4('127.0.0.1')]);
      expect(await lookup(name, 6)).toEqual([v6('::1')]);
    }
  });

  test('netns.hosts: by any case, changed at any time, and alone if it has the name', async () => {
    netns.hosts.set('Web', '10.0.0.1').set('db.example.', ['10.0.0.2', 'fd00::2', '10.0.0.2']);
    expect(await lookup('web')).toEqual([v4('10.0.0.1')]);
    expect(await lookup('WEB.')).toEqual([v4('10.0.0.1')]);
    expect(await lookup('DB.example')).toEqual([v4('10.0.0.2'), v6('fd00::2')]);
    expect(await lookup('db.example', 6)).toEqual([v6('fd00::2')]);
    await expect(lookup('web', 6)).rejects.toMatchObject({ code: 'ENOTFOUND' });
    netns.hosts.set('Web', []);
    await expect(lookup('web')).rejects.toMatchObject({ code: 'ENOTFOUND', hostname: 'web' });
    netns.hosts.delete('Web');
  });

  test('what is no address is refused when it is used, with its entry', async () => {
    netns.hosts.set('bad', ['10.0.0.1', 'web']);
    netns.hosts.set('worse', 7 as never);
    await expect(lookup('bad')).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      message: expect.stringContaining("netns.hosts.get('bad')"),
    });
    await expect(lookup('worse')).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
      message: expect.stringContaining("netns.hosts.get('worse')"),
    });
    netns.hosts.clear();
  });

  test.each(['x.invalid', 'x.onion', 'onion', 'a..b', '.', 'a b', `${'a'.repeat(64)}.example`])(
    '%s is not found',
    async (name) => {
      await expect(lookup(name)).rejects.toMatchObject({ code: 'ENOTFOUND', errno: -3008, hostname: name });
    },
  );

  test('bad arguments', async () => {
    await expect(lookup(1 as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
    await expect(lookup('a\0b')).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
    await expect(lookup('a', 5 as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
  });
});

test('IPv6 first where the namespace has a global address, else last', async () => {
  const [a, b] = await Promise.all([scope.use(Netns.create()), scope.use(Netns.create())]);
  a.hosts.set('both', ['fd00::1', '10.0.0.1', 'fd00::2']);
  expect(await lookupAll(internals(a), 'both')).toEqual([v4('10.0.0.1'), v6('fd00::1'), v6('fd00::2')]);
  await connect(a, { inet: '10.0.0.7', inet6: 'fd00::7' }, b, { inet: '10.0.0.8', inet6: 'fd00::8' });
  expect(await lookupAll(internals(a), 'both')).toEqual([v6('fd00::1'), v6('fd00::2'), v4('10.0.0.1')]);
});

test('once the namespace is closed', async () => {
  const netns = await Netns.create();
  await netns.close();
  await expect(lookupAll(internals(netns), '127.0.0.1')).rejects.toMatchObject({ code: 'ERR_NSNET_CLOSED' });
});
