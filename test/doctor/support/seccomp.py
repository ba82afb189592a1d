"""Runs a program under a seccomp filter: seccomp.py errno|kill [NUMBER=]CALL[:MASK]… -- PROGRAM…

A call is refused with the error NUMBER (1, EPERM, by default), or killed; with a MASK only if its first argument has
one of those bits. Container engines and systemd set filters of these kinds.
"""

import ctypes
import os
import platform
import struct
import sys

CALLS = {
    "x86_64": {"unshare": 272, "setns": 308, "clone3": 435, "memfd_create": 319, "mount": 165, "statmount": 457},
    "aarch64": {"unshare": 97, "setns": 268, "clone3": 435, "memfd_create": 279, "mount": 40, "statmount": 457},
}[platform.machine()]

LOAD, EQUAL, ANY_BIT, RETURN = 0x20, 0x15, 0x45, 0x06
ALLOW, ERRNO, KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
NUMBER, FIRST_ARGUMENT = 0, 16


def step(code, value, if_true=0, if_false=0):
    return struct.pack("=HBBI", code, if_true, if_false, value)


def rule(mode, text):
    number, _, call = text.rpartition("=")
    call, _, mask = call.partition(":")
    verdict = KILL_PROCESS if mode == "kill" else ERRNO | int(number or 1)
    if not mask:
        return step(EQUAL, CALLS[call], 0, 1) + step(RETURN, verdict)
    return (
        step(EQUAL, CALLS[call], 0, 4)
        + step(LOAD, FIRST_ARGUMENT)
        + step(ANY_BIT, int(mask, 0), 0, 1)
        + step(RETURN, verdict)
        + step(RETURN, ALLOW)
    )


mode, *rest = sys.argv[1:]
end = rest.index("--")
code = step(LOAD, NUMBER) + b"".join(rule(mode, text) for text in rest[:end]) + step(RETURN, ALLOW)
steps = ctypes.create_string_buffer(code, len(code))
program = struct.pack("=H6xQ", len(code) // 8, ctypes.addressof(steps))
libc = ctypes.CDLL(None, use_errno=True)
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, FILTER = 22, 38, 2
if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, FILTER, ctypes.c_char_p(program), 0, 0):
    sys.exit(os.strerror(ctypes.get_errno()))
os.execvp(rest[end + 1], rest[end + 1 :])
