import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import {
  abortError,
  closedError,
  NsnetError,
  systemError,
  unsupportedError,
  withDetails,
} from '../../lib/syscalls/errors.js';

describe('an error of the system', () => {
  test('is shaped as Node’s own are', () => {
    let own: NodeJS.ErrnoException | undefined;
    try {
      readFileSync('/nonexistent');
    } catch (error) {
      own = error as NodeJS.ErrnoException;
    }
    const ours = systemError(-2, 'open', { subject: '/nonexistent' });
    expect(ours).toBeInstanceOf(NsnetError);
    expect(ours).toBeInstanceOf(Error);
    const { code, errno, syscall } = own!;
    expect(ours).toMatchObject({ code, errno, syscall, name: 'NsnetError' });
    expect(ours.message.startsWith(`${code}: no such file or directory, open`)).toBe(true);
    expect(systemError(2, 'open').errno).toBe(-2);
  });

  test('says everything it knows', () => {
    const error = systemError(-17, 'RTM_NEWLINK', {
      subject: "link 'eth0'",
      kernel: 'already there',
      attribute: 'linkinfo.data.id',
      hint: 'Choose another',
      notUndone: [new Error('first'), new Error('second')],
      cause: 'because',
    });
    expect(error.message).toBe(
      "EEXIST: file exists, RTM_NEWLINK (link 'eth0'): already there [linkinfo.data.id]; not undone: first; second. Choose another",
    );
    expect(error).toMatchObject({ kernel: 'already there', attribute: 'linkinfo.data.id', cause: 'because' });
  });

  test('shows nothing that it does not know', () => {
    const error = systemError(-2, 'open');
    expect(Object.entries(error).filter(([, value]) => value === undefined)).toEqual([]);
    expect(inspect(error)).not.toContain('undefined');
  });

  test('keeps what it said when more is said about it', () => {
    const first = systemError(-1, 'setns', { hint: 'known' });
    const more = withDetails(first, { hint: 'other', subject: "netns 'a'" });
    expect(more).toMatchObject({
      code: 'EPERM',
      errno: -1,
      syscall: 'setns',
      hint: 'known',
      subject: "netns 'a'",
    });
    expect(more.message).toBe("EPERM: operation not permitted, setns (netns 'a'). known");
  });

  test('of nsnet’s own has no number', () => {
    expect(closedError("netns 'a'")).toMatchObject({
      code: 'ERR_NSNET_CLOSED',
      message: "ERR_NSNET_CLOSED: used after it was closed (netns 'a')",
    });
    expect(closedError("netns 'a'").errno).toBeUndefined();
    const unsupported = unsupportedError('too old', { hint: 'Upgrade' });
    expect(unsupported).toMatchObject({ code: 'ERR_NSNET_UNSUPPORTED', hint: 'Upgrade' });
  });
});

test('an error of nsnet’s own does not repeat itself when more is said about it', () => {
  const more = withDetails(unsupportedError('too old', { hint: 'Upgrade' }), { subject: 'x' });
  expect(more.message).toBe('ERR_NSNET_UNSUPPORTED: too old (x). Upgrade');
});

test('an aborted call', () => {
  const controller = new AbortController();
  controller.abort('enough');
  expect(abortError(controller.signal)).toMatchObject({
    name: 'AbortError',
    code: 'ABORT_ERR',
    cause: 'enough',
  });
});
