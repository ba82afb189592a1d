"""/32 routes in a fresh namespace, one by one. As many as the first argument says: all would take a minute."""
import sys
import time

from pyroute2 import IPRoute

from common import BETWEEN, enter_new_namespace, now, report


def add_all(amount):
    enter_new_namespace()
    with IPRoute() as socket:
        socket.link('set', index=1, state='up')
        start = now()
        for i in range(amount):
            socket.route('add', dst=f'10.{i >> 16}.{i >> 8 & 255}.{i & 255}/32', oif=1, scope=253)
        return now() - start


amount = int(sys.argv[1])
first = add_all(amount)
time.sleep(BETWEEN)
report(first=first, again=add_all(amount))
