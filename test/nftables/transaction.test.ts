// The transport of transactions: nothing hangs, whatever is answered, and what comes behind is carried out.
import { Changes, Netns, nft } from 'nsnet';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connectNetfilter } from '../../lib/firewall/socket.js';
import { internals } from '../../lib/namespaces/network.js';
import type { Connection } from '../../lib/netlink/connection.js';
import { NLM_F } from '../../lib/netlink/constants.js';
import type { Request } from '../../lib/netlink/request.js';
import { NFNL_MSG_BATCH, NFT_MSG } from '../../lib/nftables/constants.js';
import { batch } from '../../lib/nftables/generation.js';
import { table } from '../../lib/nftables/table.js';
import type { Fd } from '../../lib/syscalls/fd.js';
import { native } from '../../lib/syscalls/native.js';

let netns: Netns;
let connection: Connection;
beforeEach(async () => {
  netns = await Netns.create();
  connection = connectNetfilter(internals(netns));
});
afterEach(async () => {
  await connection.close();
  await netns.close();
});

const border = (name: 'BEGIN' | 'END', attributes = {}, resId = 10): Request => ({
  name,
  type: NFNL_MSG_BATCH[name],
  flags: 0,
  codec: batch,
  body: { resId, attributes },
});
const newTable = (name: string, flags: number = NLM_F.CREATE): Request => ({
  name: 'NFT_MSG_NEWTABLE',
  type: NFT_MSG.NEWTABLE,
  flags,
  codec: table,
  body: { family: 1, attributes: { name, flags: [] } },
});
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
/** As small as the kernel lets it be. */
function setBuffer(option: number): void {
  const fd = connection.socket as Fd;
  expect(native().setsockopt(fd.native, 1, option, new Uint8Array(new Int32Array([1]).buffer))).toBe(0);
}

const tables = async () => (await netns.nftables.list()).tables.map(({ name }) => name);

test('only BEGIN is answered: a wrong generation, a subsystem that is not there', async () => {
  const wrong = [border('BEGIN', { generation: 99 }), newTable('a', NLM_F.CREATE | NLM_F.ACK), border('END')];
  await expect(connection.transaction(wrong)).rejects.toMatchObject({ code: 'ERESTART', syscall: 'BEGIN' });
  const other = [border('BEGIN', {}, 99), newTable('a', NLM_F.CREATE | NLM_F.ACK), border('END')];
  await expect(connection.transaction(other)).rejects.toMatchObject({ code: 'EINVAL' });
  expect(await tables()).toEqual([]);
});

test('nothing is answered at all', async () => {
  const { answers, lost } = await connection.transaction([border('BEGIN'), newTable('a'), border('END')]);
  expect([answers.size, lost]).toEqual([0, false]);
  expect(await tables()).toEqual(['a']);
});

test('a batch without END is not carried out', async () => {
  await connection.transaction([border('BEGIN'), newTable('a', NLM_F.CREATE | NLM_F.ACK)]);
  expect(await tables()).toEqual([]);
});

test('among requests and dumps of the same socket, in order', async () => {
  const read = () =>
    connection.dump({ ...newTable(''), name: 'get', type: NFT_MSG.GETTABLE, flags: 0, body: {} });
  const work = [
    read(),
    connection.transaction([border('BEGIN'), newTable('a'), border('END')]),
    read(),
    connection.transaction([border('BEGIN'), newTable('b'), border('END')]),
    read(),
  ] as const;
  const [none, , one, , two] = await Promise.all(work);
  expect([none.length, one.length, two.length]).toEqual([0, 1, 2]);
});

test('more refusals than a buffer holds', async () => {
  const changes = new Changes().addTable({ family: 'inet', name: 't' });
  for (let i = 0; i < 5000; i++)
    changes.addRule({ family: 'inet', table: 't', chain: `no${i}`, expressions: [nft.drop()] });
  await expect(netns.nftables.apply(changes)).rejects.toMatchObject({
    code: 'ENOENT',
    subject: expect.stringContaining("chain 'no0'"),
  });
  expect(await tables()).toEqual([]);
});

test('more than the socket may send: EMSGSIZE, with nothing done and the socket fit for more', async () => {
  await connection.transaction([border('BEGIN'), newTable('a'), border('END')]);
  setBuffer(SO_SNDBUF);
  const many = Array.from({ length: 2000 }, (_, i) => newTable(`many${i}`));
  await expect(connection.transaction([border('BEGIN'), ...many, border('END')])).rejects.toMatchObject({
    code: 'EMSGSIZE',
  });
  await connection.transaction([border('BEGIN'), newTable('b'), border('END')]);
  expect(await tables()).toEqual(['a', 'b']);
});

test('answers that do not fit are told as lost, and it was carried out', async () => {
  await connection.transaction([border('BEGIN'), newTable('a'), border('END')]);
  setBuffer(SO_RCVBUF);
  const many = Array.from({ length: 500 }, (_, i) => newTable(`many${i}`, NLM_F.CREATE | NLM_F.ECHO));
  const { answers, lost } = await connection.transaction([border('BEGIN'), ...many, border('END')]);
  expect(lost).toBe(true);
  expect(answers.size).toBeLessThan(500);
  expect(await tables()).toHaveLength(501);
});
