// One boot of one kernel: the file server, the emulator, and the lines that come back.
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, ftruncateSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { removeDirectory, start, stop, temporaryDirectory } from './children.mjs';

const memory = '3G';
/** What tells the guest's own lines from what the tests print. */
const mark = '\x1e';
// One processor: with more, emulated at the same time, QEMU loses the race when a kernel patches its own code
// (a static key flips, as nftables hooks make them), and the guest panics. On one thread, more are only slower.
const emulation = ['-accel', 'tcg', '-cpu', 'Nehalem', '-smp', '1'];
const hardware = ['-accel', 'kvm', '-cpu', 'host', '-smp', '2'];

/**
 * Boots and yields what the guest says: { word, rest } for a line of the protocol, { text } for output.
 * Throws when the guest says nothing for as long as `limits` allow: { boot, run } in ms.
 */
export async function* boot({ tools, kernel, archive, accelerate, limits }) {
  const work = temporaryDirectory();
  const files = await shareRoot(tools, work);
  const machine = startMachine({ tools, kernel, archive, accelerate, work });
  let booted = false;
  let expired = false;
  let timer = setTimeout(expire, limits.boot);
  function expire() {
    expired = true;
    machine.kill('SIGKILL');
  }
  try {
    const ended = once(machine, 'exit');
    for await (const line of createInterface({ input: machine.stdout })) {
      const [, word, rest] = (line.startsWith(mark) && /^(\w+) ?(.*)$/.exec(line.slice(1))) || [];
      if (word === 'boot') {
        booted = true;
        clearTimeout(timer);
        timer = setTimeout(expire, limits.run);
      }
      yield word ? { word, rest } : { text: line };
      if (word === 'done') return;
    }
    await ended;
    const what = booted ? 'the guest stopped' : 'the kernel did not come up';
    const cause = expired
      ? `no end after ${(booted ? limits.run : limits.boot) / 1000} s`
      : 'the emulator ended';
    throw new Error(
      `${what} (${cause}); its console:\n${tail(join(work, 'console'))}\n${tail(join(work, 'log'))}`,
    );
  } finally {
    clearTimeout(timer);
    await Promise.all([stop(machine), stop(files)]);
    removeDirectory(work);
  }
}

async function shareRoot({ virtiofsd, setpriv }, work) {
  const socket = join(work, 'files.sock');
  const log = openSync(join(work, 'files.log'), 'a');
  const options = ['source=/', 'sandbox=chroot', 'cache=always', 'log_level=err'].flatMap((option) => [
    '-o',
    option,
  ]);
  const files = start(
    setpriv,
    virtiofsd,
    [`--socket-path=${socket}`, '--thread-pool-size=0', ...options],
    ['ignore', log, log],
  );
  closeSync(log);
  for (let waited = 0; !existsSync(socket); waited += 20) {
    if (files.exitCode !== null || waited > 10_000)
      throw new Error(`virtiofsd failed:\n${tail(join(work, 'files.log'))}`);
    await sleep(20);
  }
  return files;
}

function startMachine({ tools, kernel, archive, accelerate, work }) {
  const [initrd, disk] = [join(work, 'initrd'), join(work, 'disk')];
  writeFileSync(initrd, archive);
  makeDisk(tools.mkfs, disk);
  const log = openSync(join(work, 'log'), 'a');
  const args = [
    ...(accelerate ? hardware : emulation),
    ...['-machine', 'q35,memory-backend=memory,usb=off', '-m', memory, '-nodefaults', '-no-user-config'],
    ...[
      '-object',
      `memory-backend-memfd,id=memory,size=${memory},share=on`,
      '-display',
      'none',
      '-no-reboot',
    ],
    ...['-kernel', kernel.image, '-initrd', initrd],
    ...['-append', 'console=ttyS0 panic=-1 quiet loglevel=4 mitigations=off nokaslr random.trust_cpu=on'],
    ...['-chardev', `file,id=console,path=${join(work, 'console')}`, '-serial', 'chardev:console'],
    ...['-chardev', `socket,id=files,path=${join(work, 'files.sock')}`],
    ...['-device', 'vhost-user-fs-pci,chardev=files,tag=shared,queue-size=1024'],
    ...[
      '-drive',
      `if=none,id=disk,format=raw,cache=unsafe,file=${disk}`,
      '-device',
      'virtio-blk-pci,drive=disk',
    ],
    ...['-device', 'virtio-rng-pci', '-device', 'virtio-serial-pci'],
    ...['-chardev', 'stdio,id=lines,signal=off', '-device', 'virtserialport,chardev=lines,name=lines'],
  ];
  // Its standard input stays open: at its end QEMU takes the line for hung up, and the guest's writes block.
  const machine = start(tools.setpriv, tools.qemu, args, ['pipe', 'pipe', log]);
  closeSync(log);
  return machine;
}

function makeDisk(mkfs, path) {
  const fd = openSync(path, 'w');
  ftruncateSync(fd, 2 ** 31);
  closeSync(fd);
  const { status, stderr } = spawnSync(mkfs, ['-q', '-F', path], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${mkfs} failed: ${stderr}`);
}

const tail = (path) =>
  existsSync(path) ? readFileSync(path, 'latin1').split('\n').slice(-40).join('\n').trim() : '';
