"""Two namespaces and a cable, each end made in its place."""
import time

from pyroute2 import netns

from common import BETWEEN, median, now, report, socket_in

AGAIN = 10
NAMES = ('nsnetbench-test1', 'nsnetbench-test2')


def set_up():
    for name in NAMES:
        netns.create(name)
    sockets = [socket_in(name) for name in NAMES]
    sockets[0].link('add', ifname='veth-test1', kind='veth', peer={'ifname': 'veth-test2', 'net_ns_fd': NAMES[1]})
    for i, socket in enumerate(sockets, 1):
        index = socket.link_lookup(ifname=f'veth-test{i}')[0]
        socket.addr('add', index=index, address=f'192.168.1.{i}', prefixlen=24)
        socket.link('set', index=index, state='up')
    return sockets


def tear_down(sockets):
    for name, socket in zip(NAMES, sockets):
        socket.close()
        netns.remove(name)


ups, downs = [], []
for _ in range(AGAIN + 1):
    start = now()
    sockets = set_up()
    middle = now()
    tear_down(sockets)
    ups.append(middle - start)
    downs.append(now() - middle)
    time.sleep(BETWEEN / 5)
report(first=ups[0], again=median(ups[1:]), teardown=median(downs[1:]))
