// What keeps a program running, and what does not; what is collected. Prints a line and is over, if all is well.
import { readdirSync, readlinkSync } from 'node:fs';
import { Netns } from 'nsnet';

const sockets = () =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:');
    } catch {
      return false;
    }
  }).length;

const tick = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const stories = {
  /** Open, and nobody loops: the program ends although it closes nothing. */
  async idle() {
    const netns = await Netns.create();
    globalThis.kept = [netns, await netns.packet(), await netns.raw({ protocol: 'icmp' })];
  },
  async broken() {
    const netns = await Netns.create();
    globalThis.kept = [netns, await netns.packet({ link: 'lo' })];
    setTimeout(() => netns.ping('127.0.0.1', { count: 1 }).then(() => {}), 50);
    for await (const _ of globalThis.kept[1]) break;
    console.log('heard');
  },
  /** Nobody waits any more; who waits again is heard. */
  async aborted() {
    const netns = await Netns.create();
    globalThis.kept = [netns];
    for (const open of [() => netns.packet({ link: 'lo' }), () => netns.raw({ protocol: 'icmp' })]) {
      const socket = await open();
      globalThis.kept.push(socket);
      const controller = new AbortController();
      const { signal } = controller;
      setTimeout(() => controller.abort(), 50);
      await socket
        .messages({ signal })
        .next()
        .catch(({ name }) => console.log(name));
      const again = socket.messages();
      const next = again.next();
      await tick(20);
      await netns.ping('127.0.0.1', { count: 1 });
      console.log((await next).done);
      const last = again.next().then(async () => (await again.next()).done);
      await again.return();
      console.log(await last);
    }
  },
  async closed() {
    const netns = await Netns.create();
    const socket = await netns.raw({ protocol: 'udp' });
    setTimeout(() => netns.close(), 50);
    for await (const _ of socket);
    console.log('ended');
  },
  /** Although their namespace goes on, and although they have been read from. */
  async collected() {
    const netns = await Netns.create();
    await netns.addresses.list();
    const before = sockets();
    const codes = [];
    process.on('warning', ({ code }) => codes.push(code));
    await (async () => {
      const packets = await netns.packet({ link: 'lo' });
      const raw = await netns.raw({ protocol: 'icmp' });
      setTimeout(() => netns.ping('127.0.0.1', { count: 1 }).then(() => {}), 10);
      for await (const _ of packets) break;
      for await (const _ of raw) break;
    })();
    for (let i = 0; i < 100 && (codes.length < 2 || sockets() > before); i++) {
      globalThis.gc();
      await tick(20);
    }
    console.log(codes.join(' '));
    console.log(sockets() - before);
    await netns.close();
  },
  async forbidden() {
    const netns = await Netns.current();
    const errors = [];
    const note = ({ code, syscall, subject, hint }) => errors.push({ code, syscall, subject, hint });
    await netns.raw({ protocol: 'icmp' }).catch(note);
    await netns.packet().catch(note);
    console.log(JSON.stringify(errors));
    await netns.close();
  },
};

await stories[process.argv[2]]();
