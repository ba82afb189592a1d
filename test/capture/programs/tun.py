# A tun device, whose packets have no header of a link: tun.py <name>. It stays until its standard input ends.
import fcntl
import struct
import subprocess
import sys

tun = open("/dev/net/tun", "r+b", buffering=0)
fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH22x", sys.argv[1].encode(), 0x0001 | 0x1000))
subprocess.run(["ip", "link", "set", sys.argv[1], "up"], check=True)
for address in ("10.9.0.1/24", "fd09::1/64"):
    subprocess.run(["ip", "address", "add", address, "dev", sys.argv[1], *(["nodad"] if ":" in address else [])], check=True)
print("ready", flush=True)
sys.stdin.read()
