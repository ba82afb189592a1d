// @kernels
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { NLMSG } from '../../lib/netlink/constants.js';
import { encodeMessage } from '../../lib/netlink/frames.js';
import type { LinkMessage } from '../../lib/rtnetlink/link.js';
import { privileged } from '../support/privileges.js';
import { codecOf } from './codecs.js';
import { frameOf, hasUnknown, parseGoldens, read } from './goldens.js';

const run = promisify(execFile);
const capture = fileURLToPath(new URL('capture.py', import.meta.url));
const unshare = ['unshare', privileged ? '-n' : '-rn'] as const;

const able = await run(unshare[0], [unshare[1], 'python3', '-c', ''])
  .then(() => run('ip', ['-V']))
  .then(() => true)
  .catch(() => false);

test.skipIf(!able)('what this kernel sends is the same when written again', async () => {
  const { stdout } = await run(unshare[0], [unshare[1], 'python3', capture, 'replies'], {
    maxBuffer: 1 << 24,
  });
  const replies = parseGoldens(stdout).filter((golden) => frameOf(golden).type !== NLMSG.DONE);
  expect(replies.length).toBeGreaterThan(30);
  for (const golden of replies) {
    const message = read<LinkMessage>(golden);
    if (message.attributes.linkinfo?.kind === 'vxlan') continue; // a flag comes back as a byte
    if (hasUnknown(message)) continue; // of a newer kernel: such are written one after the other
    const { type, flags, seq, port } = frameOf(golden);
    const again = encodeMessage({ type, flags, seq, port }, codecOf(type), message);
    expect(Buffer.from(again).toString('hex'), golden.title).toBe(
      Buffer.from(golden.content).toString('hex'),
    );
  }
});
