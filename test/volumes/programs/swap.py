# swap.py A B [A B …]: exchanges the names of each pair, as fast as it can, until it is killed.
import ctypes, sys

libc = ctypes.CDLL(None)
AT_FDCWD, RENAME_EXCHANGE = -100, 2
names = [name.encode() for name in sys.argv[1:]]
pairs = list(zip(names[::2], names[1::2]))
print('"ready"', flush=True)
while True:
    for one, other in pairs:
        libc.renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE)
