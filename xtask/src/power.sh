#!/bin/busybox sh
# One life of the guest between two power cuts: looks at what the last one left, and makes a load until it is
# cut again. /dev/vdc is the disk that stays; /dev/vdd has, as text, this life's number and what the last
# life had told as done. Lines that begin with @@power are for the host.
say() { echo "@@power $*"; }
failed() { say "FAILED $*"; }
teu() { /tests/teu --root /data/teu "$@"; }

# Nothing reaches the disk by itself, and the file system helps no one who forgets to sync: what is there
# after the cut is what was synced.
echo 0 >/proc/sys/vm/dirty_writeback_centisecs
mkdir -p /data
mount -o commit=600,noauto_da_alloc /dev/vdc /data || failed "the disk cannot be mounted"
tr -d '\0' </dev/vdd >/tmp/told
read -r life </tmp/told
[ -e /data/box.tar ] || { cp /tests/box.tar /data/box.tar && sync; }

# kind, name, mark: each was told after its verb had ended well.
check() {
    case $1 in
    image) found=$(teu run --rm --network none "$2" cat /mark 2>&1) ;;
    container) found=$(teu cp "$2:/mark" - 2>&1 | tar -xO 2>&1) ;;
    volume) found=$(teu run --rm --network none -v "$2:/v" box cat /v/mark 2>&1) ;;
    renamed) found=$(teu inspect -f "mark $3" "$2" 2>&1) ;;
    esac
    [ "$found" = "mark $3" ] || failed "$1 $2 has '$found', not 'mark $3'"
}

if [ "$life" != 1 ]; then
    teu ps -a >/dev/null || failed "the store does not open"
    teu fsck --repair >/tmp/repaired 2>&1 || failed "fsck --repair: $(cat /tmp/repaired)"
    [ -s /tmp/repaired ] && sed 's/^/@@power repaired: /' /tmp/repaired
    teu fsck --verify >/tmp/found 2>&1 || failed "fsck --verify after the repair: $(cat /tmp/found)"
    count=0
    while read -r kept kind name mark; do
        [ "$kept" = kept ] || continue
        check "$kind" "$name" "$mark"
        count=$((count + 1))
    done </tmp/told
    say "checked $count"
fi
grep -q '^end' /tmp/told && exit 0

teu image inspect box >/dev/null 2>&1 || teu import /data/box.tar box >/dev/null || failed "import of the box"
teu run --rm --network none box true || failed "run of the box"

# Whatever the load does must succeed; the cut itself is seen by no one.
must() {
    "$@" >/tmp/out.$loop 2>&1 && return
    failed "$*: $? $(cat /tmp/out.$loop)"
    return 1
}
forever() {
    loop=$1
    number=0
    while :; do
        number=$((number + 1))
        "$1" "$life-$number"
    done
}
copies() {
    must teu create --name "copy$1" box sleep 1000
    echo "mark $1" >/tmp/mark
    must teu cp /tmp/mark "copy$1:/mark" &&
        say "kept container copy$1 $1"
    must teu create --name "odd$1" box true
    must teu rename "odd$1" "even$1" &&
        say "kept renamed even$1 $1"
}
commits() {
    must teu run --name "from$1" --network none box sh -c "echo mark $1 >/mark; head -c 300000 /dev/zero >/zeros"
    must teu commit "from$1" "commit:$1" &&
        say "kept image commit:$1 $1"
    must teu rm "from$1"
}
volumes() {
    must teu run --rm --network none -v "vol$1:/v" box sh -c "echo mark $1 | dd of=/v/mark conv=fsync" &&
        say "kept volume vol$1 $1"
    must teu volume create "got$1"
    mkdir -p /tmp/v && echo "mark $1" >/tmp/v/mark && tar -C /tmp/v -cf /tmp/v.tar mark
    must teu volume import "got$1" /tmp/v.tar &&
        say "kept volume got$1 $1"
}
imports() {
    mkdir -p /tmp/i && tar -C /tmp/i -xf /data/box.tar
    echo "mark $1" >/tmp/i/mark
    tar -C /tmp/i -cf /tmp/i.tar bin mark
    must teu import /tmp/i.tar "import:$1" &&
        say "kept image import:$1 $1"
    must teu tag "import:$1" "tagged:$1" &&
        say "kept image tagged:$1 $1"
    must teu tag "import:$1" "twice:$1"
    must teu rmi "twice:$1"
}
starts() {
    must teu run -d --name "up$1" box sleep 1000
    must teu stop -t 0 "up$1"
    must teu start "up$1"
    must teu rm -f "up$1"
}
# What earlier lives made, and no one has promised for this one.
removals() {
    for name in $(teu ps -a --format '{{.Names}}'); do
        # What has a name of its own is another's that runs just now.
        case $name in
        *[a-z]"$life"-* | *_*) ;;
        *) teu rm -f -v "$name" >/dev/null 2>&1 ;;
        esac
    done
    for name in $(teu images --format '{{.Repository}}:{{.Tag}}'); do
        case $name in box:* | *:"$life"-*) ;; *) teu rmi -f "$name" >/dev/null 2>&1 ;; esac
    done
    for name in $(teu volume ls -q); do
        case $name in *[a-z]"$life"-*) ;; *) teu volume rm -f "$name" >/dev/null 2>&1 ;; esac
    done
    sleep 3
}

say load
for one in copies commits volumes imports starts removals; do
    forever "$one" &
done
wait
