"""What the pyroute2 programs share: the clock, the report, a namespace made for this process alone."""
import ctypes
import json
import os
import statistics
import time

from pyroute2 import IPRoute
from pyroute2 import netns

CLONE_NEWNET = 0x40000000
BETWEEN = 0.5  # seconds: lets the kernel finish what was torn down

now = time.monotonic_ns
libc = ctypes.CDLL(None, use_errno=True)


def enter_new_namespace():
    if libc.unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), 'unshare')


def socket_in(name):
    """An IPRoute of the named namespace, without the helper process that NetNS starts for each."""
    netns.pushns(name)
    try:
        return IPRoute()
    finally:
        netns.popns()


def report(**phases):
    print(json.dumps({name: int(value) for name, value in phases.items()}))


median = statistics.median
