import { inspect } from 'node:util';
import {
  BindMount,
  Bridge,
  Handle,
  ImageMount,
  KernelMount,
  Link,
  Mount,
  Namespace,
  Netns,
  OtherLink,
  OverlayMount,
  Process,
  RootTree,
  Tmpfs,
  Veth,
  Volume,
} from 'nsnet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

/** A handle whose closing is watched. */
class Watched extends Handle {
  readonly disposals: boolean[] = [];
  failures = 0;

  constructor(owned: boolean) {
    super(owned);
  }

  override toString(): string {
    return 'Watched { }';
  }

  override toJSON(): unknown {
    return {};
  }

  protected override async dispose(owned: boolean): Promise<void> {
    await undefined;
    if (this.failures-- > 0) throw new Error('it cannot be closed now');
    this.disposals.push(owned);
  }
}

describe('close()', () => {
  test('disposes once, whoever calls and how often', async () => {
    const handle = new Watched(true);
    expect(handle.closed).toBe(false);
    const closing = handle.close();
    expect(handle.closed).toBe(true);
    await Promise.all([closing, handle.close(), handle[Symbol.asyncDispose]()]);
    await handle.close();
    expect(handle.disposals).toEqual([true]);
  });

  test('after one that failed tries again', async () => {
    const handle = new Watched(true);
    handle.failures = 1;
    await expect(handle.close()).rejects.toThrow('cannot be closed now');
    expect(handle.closed).toBe(false);
    await handle.close();
    expect(handle.disposals).toEqual([true]);
  });

  test('after release() it only lets go', async () => {
    const handle = new Watched(true);
    expect(handle.release()).toBe(handle);
    await handle.close();
    expect(handle.disposals).toEqual([false]);
  });
});

describe('new where there is create(): an error that says so', () => {
  test.each<[new (...args: never[]) => Handle, string]>([
    [Netns as never, 'await Netns.create()'],
    [Namespace as never, 'await Namespace.create()'],
    [Veth, 'await Veth.create({ netns, … })'],
    [Bridge, 'await Bridge.create({ netns, … })'],
    [OtherLink, 'await netns.links.get(name)'],
    [Link, 'await netns.links.get(name)'],
    [Mount, 'await Mount.open(target)'],
    [Tmpfs, 'await Tmpfs.create()'],
    [BindMount, 'await BindMount.create()'],
    [OverlayMount, 'await OverlayMount.create()'],
    [ImageMount, 'await ImageMount.create()'],
    [KernelMount, 'await KernelMount.create()'],
    [RootTree as never, 'await RootTree.create({ base })'],
    [Volume as never, 'await Volume.create(name)'],
    [Process, 'await spawn(file, args, options)'],
  ])('%o', (type, instead) => {
    for (const args of [[], ['lab'], [{ name: 'lab' }], [null]]) {
      const make = () => Reflect.construct(type, args);
      expect(make).toThrow(TypeError);
      expect(make).toThrow(expect.objectContaining({ code: 'ERR_ILLEGAL_CONSTRUCTOR' }));
      expect(make).toThrow(instead);
    }
  });
});

describe('printed', () => {
  let netns: Netns;
  beforeAll(async () => {
    netns = await Netns.create();
  });
  afterAll(() => netns.close());

  test('every handle is one line, at any depth', async () => {
    const bridge = await Bridge.create({ netns, name: 'br0' });
    const pair = await Veth.create({ netns, name: 'x' }, { netns, name: 'y' });
    const lo = await netns.links.get('lo');
    for (const handle of [netns, bridge, pair, pair.a, lo]) {
      const text = inspect(handle);
      expect(text).toMatch(/^\w+ \{ .* \}$/);
      expect(inspect({ a: { b: { c: { handle } } } }, { depth: 5 })).toContain(text);
      expect(inspect(handle, { depth: -1 })).not.toContain('\n');
      expect(`${handle}`).toBe(text);
      expect(() => JSON.stringify(handle)).not.toThrow();
    }
    expect(inspect(lo)).toBe("OtherLink { name: 'lo', index: 1, kind: 'other', up, an unnamed netns }");
    await Promise.all([bridge.close(), pair.close()]);
    expect(inspect(bridge)).toContain('br0');
  });
});

describe('collected without close()', () => {
  test('the descriptors are closed, and there is one warning', async () => {
    const { spawn } = await import('node:child_process');
    const { fileURLToPath } = await import('node:url');
    const program = fileURLToPath(new URL('./fixtures/forgetful.mjs', import.meta.url));
    const child = spawn(process.execPath, ['--expose-gc', program], { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let warnings = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      warnings += text;
    });
    expect(await new Promise((resolve) => child.on('close', resolve)), warnings).toBe(0);
    expect(JSON.parse(output)).toEqual({ left: 0 });
    expect(warnings.match(/NSNET_UNCLOSED/g)?.length).toBe(1);
    expect(warnings).toMatch(/net namespace \d+ was garbage collected without close\(\)/);
  });
});
