"""Captures what the kernel and `ip` send, for the goldens beside this file.

    unshare -n python3 test/rtnetlink/capture.py replies  > test/rtnetlink/goldens/replies.hex
    unshare -n python3 test/rtnetlink/capture.py acks     > test/rtnetlink/goldens/acks.hex
    unshare -n python3 test/rtnetlink/capture.py requests > test/rtnetlink/goldens/requests.hex

`unshare -rn` does too. It configures the network namespace that it runs in, and so refuses one that has other links
than lo. `requests` needs strace.
"""

import os
import re
import socket
import struct
import subprocess
import sys

AF_BRIDGE = 7
SOL_NETLINK, CAP_ACK, EXT_ACK, STRICT = 270, 10, 11, 12
REQUEST, ACK, DUMP, EXCL_CREATE = 1, 4, 0x300, 0x600
NEWLINK, DELLINK, GETLINK, GETADDR, NEWROUTE, GETROUTE = 16, 17, 18, 22, 24, 26
ERROR, DONE = 2, 3

SETUP = """
link set lo up
link add veth-a index 10 address 02:00:00:00:00:0a type veth peer name veth-b index 11 address 02:00:00:00:00:0b
link add br0 index 12 address 02:00:00:00:00:0c type bridge ageing_time 20000 stp_state 1
link set veth-a master br0
link property add dev veth-a altname cable altname another-name
link set veth-b alias uplink mtu 1400
?link add vx0 index 13 address 02:00:00:00:00:0d type vxlan id 42 local 192.168.1.1 dstport 4789 nolearning ttl 5
?link add mv0 index 14 address 02:00:00:00:00:0e link veth-b type macvlan mode bridge
?link add vl0 index 15 address 02:00:00:00:00:0f link veth-b type vlan id 7 egress-qos-map 1:2 3:4
link set br0 up
link set veth-a up
link set veth-b up
addr add 192.168.1.1/24 brd + dev br0
addr add 192.168.1.2/24 dev br0 label br0:1 valid_lft 4000 preferred_lft 2000
addr add 10.0.0.1 peer 10.0.0.2/32 dev veth-b
addr add fd00::1/64 dev br0 nodad
addr add fd01::1/64 dev veth-b nodad noprefixroute
addr add fd02::1 peer fd02::2/128 dev veth-b nodad
route add default via 192.168.1.254 metric 100
route add 10.1.0.0/16 via 192.168.1.253 src 192.168.1.1 table 1000 proto static
route add 10.2.0.0/16 nexthop via 192.168.1.253 weight 3 nexthop via 10.0.0.2 dev veth-b onlink
route add 10.3.0.0/16 dev veth-b mtu lock 1300 advmss 1200 congctl reno scope link
route add blackhole 10.4.0.0/16
route add unreachable 10.5.0.0/16 metric 5
route add 10.6.0.0/16 via inet6 fe80::7 dev br0
route add fd10::/32 via fd00::fe metric 50 pref high
route add fd11::/32 nexthop via fd00::fd nexthop via fd01::fe dev veth-b weight 2 onlink
route add fd12::/32 dev veth-b expires 600
route add unreachable fd13::/32
?nexthop add id 5 via 192.168.1.254 dev br0
?route add 10.7.0.0/16 nhid 5
"""

REQUESTS = """
link add veth-test1 type veth peer name veth-test2
link add veth-x up mtu 1400 address 02:00:00:00:00:01 type veth peer name veth-y address 02:00:00:00:00:02
link set veth-test1 up
link set veth-test1 name eth0
link set veth-y netns {pid}
link set eth0 mtu 1400 address 02:00:00:00:00:03 alias cable
link add docker0 type bridge
?link add br1 type bridge stp_state 1 vlan_filtering 1 ageing_time 20000
link set eth0 master docker0
link set eth0 type bridge_slave hairpin on isolated on
link set eth0 nomaster
link property add dev eth0 altname cable
?link add vx0 type vxlan id 42 local 192.168.1.1 remote 192.168.1.2 dstport 4789 nolearning
link set docker0 up
addr add 192.168.1.1/24 dev docker0
addr add 172.17.0.1/16 brd + dev docker0
addr add fd00::1/64 dev docker0 nodad
addr add 10.0.0.1 peer 10.0.0.2/32 dev docker0
addr add 10.9.0.1/16 dev docker0 valid_lft 4000 preferred_lft 2000
addr del 10.9.0.1/16 dev docker0
route add default via 192.168.1.254
route add 10.1.0.0/16 via 192.168.1.253 dev docker0 metric 7 table 1000
route add 10.2.0.0/16 nexthop via 192.168.1.253 weight 3 nexthop via 192.168.1.252
route replace 10.1.0.0/16 dev docker0 table 1000
route add fd10::/32 via fd00::fe
route add 10.3.0.0/16 dev docker0 mtu lock 1300 src 192.168.1.1
route del default
link del eth0
"""


def sh(command):
    """A line that begins with '?' may fail: this kernel may lack what it asks for."""
    result = subprocess.run(["ip"] + command.lstrip("?").split(), capture_output=True, text=True)
    if result.returncode and not command.startswith("?"):
        sys.exit(f"ip {command}: {result.stderr}")


def open_socket(cap_ack=True):
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    sock.bind((0, 0))
    for option, value in ((CAP_ACK, cap_ack), (EXT_ACK, True), (STRICT, True)):
        sock.setsockopt(SOL_NETLINK, option, int(value))
    sock.settimeout(5)
    return sock


def message(kind, flags, payload, seq=1):
    return struct.pack("=IHHII", 16 + len(payload), kind, flags, seq, 0) + payload


def attribute(kind, payload):
    return struct.pack("=HH", 4 + len(payload), kind) + payload + b"\0" * (-len(payload) % 4)


def answers(sock):
    """All messages up to the end of a dump or the ack; port ids, which differ each time, are zeroed."""
    found = []
    while True:
        data = sock.recv(1 << 17)
        while data:
            size, kind = struct.unpack_from("=IH", data)
            found.append(data[:12] + b"\0" * 4 + data[16:size])
            if kind in (ERROR, DONE):
                return found
            data = data[size + 3 & ~3 :]


def show(title, data):
    print(f"# {title}")
    text = data.hex()
    for at in range(0, len(text), 96):
        print(text[at : at + 96])
    print()


def replies():
    for line in SETUP.strip().splitlines():
        sh(line)
    ifinfo = lambda family: struct.pack("=BxHiII", family, 0, 0, 0, 0)
    dumps = (
        ("link", GETLINK, ifinfo(0)),
        ("link of the bridge's family", GETLINK, ifinfo(AF_BRIDGE)),
        ("link of IPv6's family", GETLINK, ifinfo(socket.AF_INET6)),
        ("address inet", GETADDR, struct.pack("=BBBBI", socket.AF_INET, 0, 0, 0, 0)),
        ("address inet6", GETADDR, struct.pack("=BBBBI", socket.AF_INET6, 0, 0, 0, 0)),
        ("route inet", GETROUTE, struct.pack("=BBBBBBBBI", socket.AF_INET, *[0] * 8)),
        ("route inet6", GETROUTE, struct.pack("=BBBBBBBBI", socket.AF_INET6, *[0] * 8)),
    )
    sock = open_socket()
    for title, kind, payload in dumps:
        sock.send(message(kind, REQUEST | DUMP, payload))
        for data in answers(sock):
            show(title if data[4] != DONE else f"end of {title}", data)


def acks():
    sh("link set lo up")
    ifinfo = struct.pack("=BxHiII", 0, 0, 0, 0, 0)
    info = lambda kind, data: attribute(18, attribute(1, kind + b"\0") + attribute(2, data))
    cases = (
        ("success", message(NEWLINK, REQUEST | ACK, struct.pack("=BxHiII", 0, 0, 1, 1, 1))),
        ("no such link", message(DELLINK, REQUEST | ACK, struct.pack("=BxHiII", 0, 0, 999, 0, 0))),
        ("text and offset", message(NEWLINK, REQUEST | ACK | EXCL_CREATE, ifinfo + attribute(3, b"vx0\0") + info(b"vxlan", attribute(1, struct.pack("=I", 1 << 24))))),
        ("offset within a nest", message(NEWLINK, REQUEST | ACK | EXCL_CREATE, ifinfo + attribute(3, b"vx0\0") + info(b"vxlan", attribute(1, struct.pack("=I", 1)) + attribute(10, b"x")))),
        ("policy", message(NEWLINK, REQUEST | ACK | EXCL_CREATE, ifinfo + attribute(3, b"br9\0") + info(b"bridge", attribute(46, b"1234")))),
        ("gateway", message(NEWROUTE, REQUEST | ACK | EXCL_CREATE, struct.pack("=BBBBBBBBI", 2, 8, 0, 0, 254, 3, 0, 1, 0) + attribute(1, bytes([10, 0, 0, 0])) + attribute(5, bytes([8, 8, 8, 8])))),
    )
    for cap_ack in (True, False):
        sock = open_socket(cap_ack)
        for title, request in cases:
            sock.send(request)
            show(f"request: {title}", request)
            show(f"{'capped' if cap_ack else 'whole'}: {title}", answers(sock)[0])
    sock = open_socket()
    request = message(GETLINK, REQUEST | DUMP, struct.pack("=BxHiII", 0, 0, 5, 0, 0))
    sock.send(request)
    show("request: refused dump", request)
    for data in answers(sock):
        show("refused dump", data)


def requests():
    child = subprocess.Popen(["unshare", "-n", "sleep", "60"])
    try:
        for line in REQUESTS.strip().splitlines():
            line = line.format(pid=child.pid)
            traced = subprocess.run(
                ["strace", "-qq", "-e", "trace=sendmsg", "-e", "write=all", "ip"] + line.lstrip("?").split(),
                capture_output=True,
                text=True,
            )
            if traced.returncode and not line.startswith("?"):
                sys.exit(f"ip {line}: {traced.stderr}")
            for call in re.split(r"(?m)^sendmsg", traced.stderr)[1:]:
                dump = re.findall(r"(?m)^ \| [0-9a-f]{5}  ((?:[0-9a-f]{2} {1,2})+)", call)
                data = bytes.fromhex("".join(dump))
                size, kind, flags = struct.unpack_from("=IHH", data)
                if kind % 4 == 2:
                    continue
                data = data[:8] + bytes(8) + data[16:size]
                show("ip " + line.lstrip("?").replace(str(child.pid), "PID"), data)
    finally:
        child.kill()
        child.wait()


if os.listdir("/sys/class/net") and len(socket.if_nameindex()) > 1:
    sys.exit("run this in a network namespace of its own: unshare -n")
print(f"# Captured on Linux {os.uname().release.split('-')[0]} by capture.py\n")
{"replies": replies, "acks": acks, "requests": requests}[sys.argv[1]]()
