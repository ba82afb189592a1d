# A file system with one empty file, 'file', which is found only once this program is told so: slow-fuse.py <directory>.
# It says 'holding' then. Not told in time it says that there is no such file. It is unmounted when its input ends.
import ctypes
import os
import struct
import sys
import threading

directory = sys.argv[1].encode()
patience = float(sys.argv[2])
libc = ctypes.CDLL(None, use_errno=True)
fd = os.open('/dev/fuse', os.O_RDWR)
options = f'fd={fd},rootmode=40755,user_id=0,group_id=0,allow_other'.encode()
if libc.mount(b'slow', directory, b'fuse', 0, options) != 0:
    sys.exit(os.strerror(ctypes.get_errno()))
told = threading.Event()
ENOENT, ENOSYS = 2, 38


def attributes(node):
    mode, links = (0o40755, 2) if node == 1 else (0o100644, 1)
    return struct.pack('<6Q10I', node, 0, 0, 0, 0, 0, 0, 0, 0, mode, links, 0, 0, 0, 4096, 0)


def reply(unique, error, data=b''):
    os.write(fd, struct.pack('<IiQ', 16 + len(data), -error, unique) + data)


def answer(request):
    _, call, unique, node = struct.unpack('<IIQQ', request[:24])
    if call == 26:  # FUSE_INIT
        reply(unique, 0, struct.pack('<IIIIHHII8I', 7, 31, 0, 0, 12, 10, 4096, 1, *[0] * 8))
    elif call == 1 and request[40:].rstrip(b'\0') == b'file':  # FUSE_LOOKUP
        if not told.is_set():
            print('holding', flush=True)
        if told.wait(patience):
            reply(unique, 0, struct.pack('<4Q2I', 2, 0, 0, 0, 0, 0) + attributes(2))
        else:
            reply(unique, ENOENT)
    elif call == 1:
        reply(unique, ENOENT)
    elif call == 3:  # FUSE_GETATTR
        reply(unique, 0, struct.pack('<QII', 0, 0, 0) + attributes(node))
    elif call == 17:  # FUSE_STATFS
        reply(unique, 0, b'\0' * 80)
    elif call not in (2, 36, 42):  # FUSE_FORGET, FUSE_INTERRUPT, FUSE_BATCH_FORGET: no answer
        reply(unique, ENOSYS)


def serve():
    while True:
        try:
            request = os.read(fd, 1 << 20)
        except OSError:
            return
        threading.Thread(target=answer, args=(request,), daemon=True).start()


threading.Thread(target=serve, daemon=True).start()
print('mounted', flush=True)
sys.stdin.readline()
told.set()
sys.stdin.read()
libc.umount2(directory, 2)
