# Runs "$@" where nothing that it leaves can stay: called in new mount, network and PID namespaces, as their first
# process, whose end ends all others. $1 is a folder of the caller's own; the rest is the command.
# Whatever becomes of the command, bridges, firewall rules, mounts and processes go with the namespaces.
set -e
root=$1
shift
mount --make-rprivate /
# /sys/class/net is that of the network namespace in which sysfs is mounted.
mkdir "$root/cgroup"
mount --rbind /sys/fs/cgroup "$root/cgroup"
mount -t sysfs sysfs /sys
mount --move "$root/cgroup" /sys/fs/cgroup
ip link set lo up
# A journalled ext4 in a file, whatever the machine's own file system is, for the data of all engines.
truncate -s 24G "$root/disk.img"
mkfs.ext4 -q -F -i 65536 "$root/disk.img"
mkdir "$root/disk" "$root/run"
mount -o loop,noinit_itable "$root/disk.img" "$root/disk"
# What engines keep in /run is in memory, as it is by default.
mount -t tmpfs -o mode=755 tmpfs "$root/run"
# What they keep where no option leads elsewhere (keys, caches, locks, states of runtimes) is not the host's.
for folder in /etc /var/lib; do
	mkdir -p "$root/run/changed$folder" "$root/run/work$folder"
	mount -t overlay -o "lowerdir=$folder,upperdir=$root/run/changed$folder,workdir=$root/run/work$folder" overlay "$folder"
done
resolv=$(readlink -f /etc/resolv.conf)
cp "$resolv" "$root/run/resolv.conf"
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mkdir -p /run/lock "$(dirname "$resolv")"
[ -e "$resolv" ] || cp "$root/run/resolv.conf" "$resolv"
code=0
"$@" || code=$?
exit $code
