"""A hundred namespaces on one bridge in a router namespace."""
import time

from pyroute2 import netns

from common import BETWEEN, now, report, socket_in

SPOKES = 100


def create(name):
    netns.create(name)
    return name, socket_in(name)


def set_up():
    router_name, router = create('nsnetbench-router')
    router.link('set', index=1, state='up')
    router.link('add', ifname='br0', kind='bridge')
    bridge = router.link_lookup(ifname='br0')[0]
    router.addr('add', index=bridge, address='10.0.0.1', prefixlen=16)
    router.link('set', index=bridge, state='up')
    places = [(router_name, router)]
    for i in range(SPOKES):
        name, spoke = create(f'nsnetbench-spoke{i}')
        places.append((name, spoke))
        router.link('add', ifname=f'port{i}', kind='veth', master=bridge, state='up',
                    peer={'ifname': 'eth0', 'net_ns_fd': name})
        eth0 = spoke.link_lookup(ifname='eth0')[0]
        spoke.link('set', index=1, state='up')
        spoke.addr('add', index=eth0, address=f'10.0.1.{i + 1}', prefixlen=16)
        spoke.link('set', index=eth0, state='up')
        spoke.route('add', dst='default', gateway='10.0.0.1')
    return places


def tear_down(places):
    for name, socket in places:
        socket.close()
        netns.remove(name)


ups, downs = [], []
for _ in range(2):
    start = now()
    places = set_up()
    middle = now()
    tear_down(places)
    ups.append(middle - start)
    downs.append(now() - middle)
    time.sleep(BETWEEN)
report(first=ups[0], again=ups[1], teardown=downs[1])
