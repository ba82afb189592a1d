# Second half of the guest: runs the tests once as root and once as an ordinary user, and tells the host.
# job.sh, written by the host, sets $kernel, $project, $node and $color, and defines vitest().
. /run/matrix/job.sh
off() { /run/matrix/busybox poweroff -f; }

until port=$(echo /dev/vport*p1) && [ -c "$port" ]; do sleep 0.1; done
exec </dev/null >"$port" 2>&1
tell() { printf '\036%s\n' "$*"; }
tell boot "$(uname -r)"

export PATH="${node%/*}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ip link set lo up
echo '' >/proc/sys/kernel/modprobe
# Where the project or node lies below a home directory, an ordinary user could not get there.
for path in "$project" "$node"; do
  until [ "$path" = / ]; do
    path=$(dirname "$path")
    [ -n "$(find "$path" -maxdepth 0 -perm -5)" ] || chmod o+rx "$path"
  done
done
cd "$project" || off

run() {
  user=$1
  shift
  mkdir "/tmp/home-$user"
  [ "$user" = root ] || chown 65534:65534 "/tmp/home-$user"
  tell start "$user"
  vitest env -i "PATH=$PATH" "HOME=/tmp/home-$user" TMPDIR=/tmp TERM=dumb LANG=C.UTF-8 $color \
    NSNET_SCALE=0.01 NSNET_KERNEL_MATRIX=1 "NSNET_KERNEL=$kernel" "NSNET_KERNEL_USER=$user" "$@"
  tell exit "$user" $?
}
run root
run user setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all

tell done
off
