import { Bridge, Listing, Netns } from 'nsnet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

let netns: Netns;
beforeAll(async () => {
  netns = await Netns.create();
});
afterAll(() => netns.close());

describe('a listing', () => {
  test('is begun by the first await, not before', async () => {
    const listing = netns.links.list();
    await using bridge = await Bridge.create({ netns, name: 'later' });
    expect((await listing).map(({ name }) => name)).toContain(bridge.name);
  });

  test('awaited again gives the same array, of the same moment', async () => {
    const listing = netns.links.list();
    const first = await listing;
    await using _bridge = await Bridge.create({ netns, name: 'later' });
    expect(await listing).toBe(first);
    expect(await Promise.all([listing, listing])).toEqual([first, first]);
  });

  test('is looped over once; a second loop throws', async () => {
    const listing = netns.links.list();
    for await (const link of listing) expect(link.name).toBe('lo');
    const again = async () => {
      for await (const _link of listing) throw new Error('it was read again');
    };
    await expect(again()).rejects.toThrow(TypeError);
    await expect(again()).rejects.toThrow('only once');
    await expect(listing.then()).rejects.toThrow(TypeError);
  });

  test('has catch() and finally(), as a promise', async () => {
    let settled = 0;
    const count = () => void settled++;
    const listing = netns.links.list();
    expect(await listing.finally(count)).toBe(await listing);
    const refused = netns.links.list({ signal: AbortSignal.abort() });
    expect(await refused.catch((error) => (error as Error).name)).toBe('AbortError');
    await expect(refused.finally(count)).rejects.toThrow('abort');
    expect(settled).toBe(2);
  });

  test('that was awaited cannot be looped over', async () => {
    const listing = netns.links.list();
    await listing;
    await expect(listing[Symbol.asyncIterator]().next()).rejects.toThrow(TypeError);
  });

  test('never begun does nothing', async () => {
    netns.links.list();
    const closed = await Netns.create();
    const listing = closed.links.list();
    await closed.close();
    await expect(listing.then()).rejects.toMatchObject({ code: 'ERR_NSNET_CLOSED' });
  });

  test('bad filters are refused at once', () => {
    expect(() => netns.links.list({ up: 'yes' } as never)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
    );
    expect(() => netns.routes.list({ signal: 5 } as never)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
    );
  });

  test('an aborted signal', async () => {
    await expect(netns.links.list({ signal: AbortSignal.abort() }).then()).rejects.toMatchObject({
      name: 'AbortError',
      code: 'ABORT_ERR',
    });
  });

  test('that fails when awaited fails again the same way', async () => {
    const error = new Error('unreadable');
    const listing = new Listing<number>(() => Promise.reject(error));
    await expect(listing.then()).rejects.toBe(error);
    await expect(listing.then()).rejects.toBe(error);
  });
});
