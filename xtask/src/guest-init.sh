#!/bin/busybox sh
# The guest's first program: makes the machine that Debian would, without systemd, and runs the tests
# that /tests/list names (name, file, directory). Lines that begin with @@teu are for the host.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
# Every instruction is emulated: tests that repeat a race may repeat it less often.
export TEU_TEST_SLOW=1 TEU_TEST_NEEDS=all HOME=/root LC_ALL=C.UTF-8

mount -t proc -o nosuid,nodev,noexec proc /proc
mount -t sysfs -o nosuid,nodev,noexec sysfs /sys
mountpoint -q /dev || mount -t devtmpfs -o nosuid,mode=755 devtmpfs /dev
mkdir -p /dev/pts /dev/shm /dev/mqueue
mount -t devpts -o nosuid,noexec,gid=5,mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o nosuid,nodev tmpfs /dev/shm
mount -t mqueue mqueue /dev/mqueue
mount -t tmpfs -o nosuid,nodev,mode=755 tmpfs /run
mount -t tmpfs -o nosuid,nodev tmpfs /tmp
how=$(sed -n 's/.*teu\.v1=\([a-z]*\).*/\1/p' /proc/cmdline)
if [ -z "$how" ]; then
    mount -t cgroup2 -o nosuid,nodev,noexec,nsdelegate cgroup2 /sys/fs/cgroup
else
    mount -t tmpfs -o nosuid,nodev,noexec,mode=755 cgroup /sys/fs/cgroup
    all=$(sed -n 's/^\([a-z_]*\)\t.*\t1$/\1/p' /proc/cgroups)
    case $how in
    alone) trees=$all ;;
    together) trees="cpu,cpuacct net_cls,net_prio $(echo "$all" | grep -vxE 'cpu|cpuacct|net_cls|net_prio')" ;;
    one) trees=$(echo $all | tr ' ' ,) ;;
    esac
    for tree in $trees; do
        mkdir "/sys/fs/cgroup/$tree"
        mount -t cgroup -o "nosuid,nodev,noexec,$tree" cgroup "/sys/fs/cgroup/$tree"
    done
fi
mount -t bpf bpf /sys/fs/bpf 2>/dev/null
mount --make-rshared /
ln -sf /proc/self/fd /dev/fd
dmesg -n 1
hostname guest
ulimit -n 65536

modprobe -a -q overlay erofs loop veth bridge dummy tun nf_tables nft_chain_nat nft_masq nft_ct nft_nat \
    nft_redir nft_compat virtio_net af_packet
ip link set lo up
for device in eth0 $(ls /sys/class/net); do
    [ -e "/sys/class/net/$device/device" ] || continue
    ip link set "$device" up
    ip address add 10.0.2.15/24 dev "$device" && ip route add default via 10.0.2.2
    break
done

mkdir -p /tests
mount -o ro /dev/vdb /tests
while read -r file path; do
    mkdir -p "$(dirname "$path")"
    cp "/tests/$file" "$path"
done </tests/helpers
echo "@@teu kernel $(uname -r)"
if grep -q teu.shell /proc/cmdline; then
    echo "The tests are listed in /tests/list. The end of this shell is the machine's."
    setsid cttyhack sh
    poweroff -f
fi
while read -r name file directory; do
    mkdir -p "$directory"
    mount --bind "/tests/sources/$(basename "$directory")" "$directory"
    echo "@@teu begin $name"
    start=$(cut -d' ' -f1 /proc/uptime)
    (
        cd "$directory" || exit 99
        exec timeout -s KILL 300 "/tests/$file" --test-threads=2 --show-output </dev/null 2>&1
    )
    echo "@@teu end $name $? $start $(cut -d' ' -f1 /proc/uptime)"
done </tests/list
echo "@@teu done"
sync
poweroff -f
