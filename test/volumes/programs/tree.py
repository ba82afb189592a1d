# tree.py make DIRECTORY: a tree with one of everything; tree.py show DIRECTORY: what there is, as JSON.
import hashlib, json, os, socket, stat, struct, sys


def make(top):
    root = os.geteuid() == 0
    at = lambda name: os.path.join(top, name)

    def write(name, text, mode=0o644):
        with open(at(name), "w") as file:
            file.write(text)
        os.chmod(at(name), mode)

    os.makedirs(at("a/b/c"))
    os.mkdir(at("closed"))
    write("a/hello", "hello\n", 0o640)
    write("a/empty", "")
    write("a/setuid", "s", 0o4755)
    write("a/setgid", "s", 0o2711)
    write("a/nobodys", "n", 0o400)
    write("closed/file", "in a directory that is not writable")
    write("große Datei\n", "a name with a line break")
    os.link(at("a/hello"), at("a/b/linked"))
    os.link(at("a/hello"), at("closed/linked too"))
    os.symlink("/etc/passwd", at("absolute"))
    os.symlink("../../..", at("a/upwards"))
    os.symlink("nowhere", at("dangling"))
    os.link(at("dangling"), at("dangling too"), follow_symlinks=False)
    os.mkfifo(at("fifo"), 0o600)
    bound = socket.socket(socket.AF_UNIX)
    os.chdir(top)
    bound.bind("socket")
    with open(at("sparse"), "wb") as file:
        file.write(b"begin")
        file.seek(40 << 20)
        file.write(b"middle")
        file.truncate(60 << 20)
    with open(at("large"), "wb") as file:
        for i in range(20):
            file.write(os.urandom(1 << 20))
        file.write(b"odd")
    os.setxattr(at("a/hello"), "user.colour", b"blue\0green")
    os.setxattr(at("a"), "user.long", b"x" * 2000)
    os.setxattr(at("a"), "user.overlay.opaque", b"y")
    # A list of access rights: its owner, uid 1, group, mask, others.
    entries = [(1, 6, 0xFFFFFFFF), (2, 4, 1), (4, 4, 0xFFFFFFFF), (16, 6, 0xFFFFFFFF), (32, 0, 0xFFFFFFFF)]
    rights = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    try:
        os.setxattr(at("a/empty"), "system.posix_acl_access", rights)
        os.setxattr(at("a/b"), "system.posix_acl_default", rights)
    except OSError:
        pass
    if root:
        os.chown(at("a/setuid"), 12, 34)
        os.chmod(at("a/setuid"), 0o4755)
        os.chown(at("a/b"), 1000, 1001)
        os.lchown(at("absolute"), 5, 6)
        os.chown(at("fifo"), 7, 8)
        capability = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0)
        os.setxattr(at("a/setgid"), "security.capability", capability)
        os.setxattr(at("a/hello"), "trusted.mark", b"1")
        os.setxattr(at("a"), "trusted.overlay.opaque", b"y")
    for name, time in [("a/hello", 10**18 + 123456789), ("absolute", 5 * 10**17 + 1), ("fifo", 10**17), ("a/b", 7 * 10**17)]:
        os.utime(at(name), ns=(time, time + 1), follow_symlinks=False)
    os.chmod(at("closed"), 0o555)
    os.utime(at("closed"), ns=(10**18, 10**18))
    os.chmod(top, 0o1775)
    os.utime(top, ns=(10**18 + 5, 10**18 + 6))


def show(top):
    found = {}
    inodes = {}
    for folder, directories, files in os.walk(top):
        for name in [""] + directories + files if folder == top else directories + files:
            path = os.path.join(folder, name) if name else top
            status = os.lstat(path)
            kind = stat.S_IFMT(status.st_mode)
            relative = os.path.relpath(path, top)
            inodes.setdefault(status.st_ino, []).append(relative)
            one = {"mode": oct(status.st_mode), "owner": [status.st_uid, status.st_gid], "mtime": str(status.st_mtime_ns)}
            xattrs = os.listxattr(path, follow_symlinks=False)
            kept = sorted(name for name in xattrs if ".overlay." not in name and name != "security.selinux")
            one["xattrs"] = {name: os.getxattr(path, name, follow_symlinks=False).hex() for name in kept}
            one["marks"] = len([name for name in xattrs if ".overlay." in name])
            if kind != stat.S_IFDIR:
                one["names"] = status.st_nlink
                one["size"] = status.st_size
            if kind == stat.S_IFLNK:
                one["target"] = os.readlink(path)
            if kind == stat.S_IFREG:
                one["holes"] = status.st_blocks * 512 < status.st_size
                try:
                    with open(path, "rb") as file:
                        one["content"] = hashlib.sha256(file.read()).hexdigest()
                except PermissionError:
                    pass
            found[relative] = one
    found["linked"] = sorted(sorted(names) for names in inodes.values() if len(names) > 1)
    print(json.dumps(found))


{"make": make, "show": show}[sys.argv[1]](sys.argv[2])
