#!/bin/sh
# First process of the guest: loads the modules, then makes the host's root file system, shared read-only,
# writable by a layer in memory and moves there. (An initramfs cannot be pivoted away from, so tests that
# pivot_root need this move as well.)
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev

load() {
  for module in $(cat "/modules/$1"); do
    # Neither these nor, by the setting below, tunnels may come with devices that nobody asked for.
    case $module in
      dummy) set -- numdummies=0 ;;
      ifb) set -- numifbs=0 ;;
      bonding) set -- max_bonds=0 ;;
      *) set -- ;;
    esac
    insmod "/modules/$module.ko" "$@" || echo "insmod $module failed"
  done
}
echo 2 >/proc/sys/net/core/fb_tunnels_only_for_init_net
load early

mount -t virtiofs -o ro shared /share || poweroff -f
mount -t tmpfs -o mode=755 layer /write
mkdir /write/upper /write/work
mount -t overlay -o lowerdir=/share,upperdir=/write/upper,workdir=/write/work overlay /root || poweroff -f

mount -t proc proc /root/proc
mount -t sysfs sysfs /root/sys
mount -t devtmpfs dev /root/dev
mkdir -p /root/dev/pts /root/dev/shm
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /root/dev/pts
mount -t tmpfs -o mode=1777 shm /root/dev/shm
for link in fd: stdin:/0 stdout:/1 stderr:/2; do ln -s "/proc/self/fd${link#*:}" "/root/dev/${link%:*}"; done
mount -t cgroup2 cgroup2 /root/sys/fs/cgroup
mount -t tmpfs -o mode=755 run /root/run
mount -t tmpfs -o mode=1777 tmp /root/tmp
# For overlays of ordinary users: the tmpfs of old kernels stores no user.* attributes.
mount -t ext4 /dev/vda /root/var/tmp
chmod 1777 /root/var/tmp
# A checkout in one of these is hidden by now.
. /job.sh
case "$project" in
  /tmp/* | /run/* | /var/tmp/*)
    mkdir -p /write/upper-project /write/work-project "/root$project"
    mount -t overlay -o "lowerdir=/share$project,upperdir=/write/upper-project,workdir=/write/work-project" overlay "/root$project"
    ;;
esac

load late
# As udev would have it.
chmod 666 /root/dev/fuse /root/dev/net/tun
mkdir /root/run/matrix
cp /bin/busybox /guest-run.sh /job.sh /root/run/matrix/
exec switch_root /root /bin/sh /run/matrix/guest-run.sh
