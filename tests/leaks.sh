#!/bin/sh
# Sees what programs leave on a machine. Knows nothing of teu: only ip, mount, lsns, nft, find, ps.
#
#   tests/leaks.sh snapshot FILE    writes what is there now
#   tests/leaks.sh compare FILE     exits 1, and shows the differences, if something else is there now
#
# What the kernel takes away a little later (a network namespace, a lazy unmount) is waited for.
set -u
export LC_ALL=C

section() { sed "s|^|$1: |"; }

# Every line stands for one thing, without what changes by itself: counters, ages, ids of mounts.
look() {
    ip -o link show | sed 's/^[0-9]*: \([^:]*\): <[^>]*>/\1/; s/ state [A-Z]*//; s/ qlen [0-9]*//' | section link
    ip -o address show | sed 's/^[0-9]*: //; s/ tentative//; s/valid_lft.*//' | section address
    ip route show table all | grep -v ' proto ra ' | sed 's/ expires [0-9a-z]*//' | section route
    ip rule show | section rule
    ip netns list 2>/dev/null | section netns
    nft -s list ruleset 2>/dev/null | section nft
    # Without the two ids, the peer group and the parent of each mount.
    cut -d' ' -f3- /proc/self/mountinfo | sed 's/ \(shared\|master\|propagate_from\):[0-9]*//g' | section mount
    lsns --noheadings --output NS,TYPE | sed 's/^ *//' | section namespace
    find /sys/fs/cgroup -type d 2>/dev/null | section cgroup
    losetup --noheadings --list --output NAME,BACK-FILE | section loop
    # /var/lib/containers: where skopeo, which fills the registry, remembers where blobs were.
    find /run /var/tmp /var/lib /etc /dev /root /home -xdev -maxdepth 2 ! -path '/run/user/*' \
        ! -path '/var/lib/containers*' 2>/dev/null | section file
    find /tmp -xdev -maxdepth 1 2>/dev/null | section file
    ipcs -a 2>/dev/null | grep '^0x' | section ipc
    # Programs, not the kernel's threads, nor this script and what it calls.
    ps -e -o ppid=,sid=,comm=,args= | awk -v me="$(ps -o sid= -p $$)" \
        '$1 != 2 && $2 != me + 0 { $1 = ""; $2 = ""; print }' | section process
}

usage() {
    sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

[ $# -eq 2 ] || usage
case $1 in
snapshot)
    look | sort >"$2"
    ;;
compare)
    now=$(mktemp)
    trap 'rm -f "$now"' EXIT
    tries=0
    while look | grep -v -F "$now" | sort >"$now.sorted"; mv "$now.sorted" "$now"; ! cmp -s "$2" "$now"; do
        tries=$((tries + 1))
        if [ $tries -ge 20 ]; then
            # < was there before, > is there now.
            diff "$2" "$now" | grep '^[<>]'
            exit 1
        fi
        sleep 0.5
    done
    ;;
*) usage ;;
esac
