//! Flags that are seldom used: what they do, or with which code they are refused.

use crate::behaviour::{different, same, same_code, scenes};

scenes! {
    seldom: "docker run -d --name $c --network none -m 64m box sh -c 'while :; do sleep 0.2; done'; docker create --name $d --network none \
             --device-read-bps /dev/zero:1mb --device-write-bps /dev/zero:2mb --device-read-iops /dev/zero:3 --device-write-iops /dev/zero:4 \
             --cpu-period 20000 --cpu-quota 5000 --memory-swappiness 5 -m 64m box true", [
        same("devices held back", "docker inspect -f '{{range .HostConfig.BlkioDeviceReadBps}}{{.Path}} {{.Rate}}{{end}} {{range .HostConfig.BlkioDeviceWriteBps}}{{.Rate}}{{end}} {{range .HostConfig.BlkioDeviceReadIOps}}{{.Rate}}{{end}} {{range .HostConfig.BlkioDeviceWriteIOps}}{{.Rate}}{{end}}' $d"),
        same("CPU time in inspect", "docker inspect -f '{{.HostConfig.CpuPeriod}} {{.HostConfig.CpuQuota}} {{.HostConfig.MemorySwappiness}}' $d"),
        same("--device-read-bps of no device", "docker create --device-read-bps zero:1mb box true"),
        same_code("--device-read-iops that is no number", "docker create --device-read-iops /dev/zero:many box true"),
        same_code("--device-write-iops that is no number", "docker create --device-write-iops /dev/zero:many box true"),
        same_code("--blkio-weight-device that is no weight", "docker create --blkio-weight-device /dev/zero:5 box true"),
        same_code("--blkio-weight that is no number", "docker create --blkio-weight many box true"),
        same("--memory-swappiness", "docker run --rm --network none --memory-swappiness 7 box cat /sys/fs/cgroup/memory/memory.swappiness"),
        same("--oom-kill-disable", "docker run --rm --network none -m 64m --oom-kill-disable box head -n1 /sys/fs/cgroup/memory/memory.oom_control"),
        same_code("--cpu-rt-runtime above what its group has", "docker run --rm --network none --cpu-rt-period 1000000 --cpu-rt-runtime 950000 box true"),
        same("--isolation", "docker run --rm --network none --isolation default box echo on"),
        same_code("--isolation of another system", "docker run --rm --network none --isolation hyperv box true"),
        same("--disable-content-trust", "docker run --rm --network none --disable-content-trust box echo on"),
        same("--platform", "docker run --rm --network none --platform linux/amd64 box echo on"),
        same_code("--platform of another machine", "docker run --rm --pull never --network none --platform linux/s390x box true"),
        same_code("--runtime of nobody", "docker run --rm --network none --runtime no-such-runtime box true"),
        same("--volume-driver", "docker run --rm --network none --volume-driver local -v $v:/d box echo on"),
        same_code("--storage-opt that is none", "docker run --rm --network none --storage-opt nonsense=1 box true"),
        same_code("--storage-opt without quotas", "docker run --rm --network none --storage-opt size=1G box true"),
        different("--kernel-memory", "docker run --rm --network none --kernel-memory 50m box echo on", "gone since docker 23: taken and no more said"),
        different("--ip in the network of all", "docker run --rm --ip 10.255.1.1 box true", "docker 20.10 ignored it; it is refused, as in later ones"),
        different("--ip6 in the network of all", "docker run --rm --ip6 fd00::7 box true", "docker 20.10 ignored it; it is refused, as in later ones"),
        same_code("update --blkio-weight that is no number", "docker update --blkio-weight many $c"),
        same("update --cpu-period", "docker update --cpu-period 50000 --cpu-quota 25000 $c; docker exec $c cat /sys/fs/cgroup/cpu/cpu.cfs_period_us"),
        same("update --cpuset-mems", "docker update --cpuset-mems 0 $c; docker exec $c cat /sys/fs/cgroup/cpuset/cpuset.mems"),
        same("update --memory-reservation", "docker update --memory-reservation 32m $c; docker exec $c cat /sys/fs/cgroup/memory/memory.soft_limit_in_bytes"),
        same_code("update --cpu-rt-runtime that is no number", "docker update --cpu-rt-runtime many $c; echo $?; docker update --cpu-rt-period many $c"),
        same_code("attach --no-stdin --sig-proxy=false", "timeout -s INT 1 docker attach --no-stdin --sig-proxy=false $c; docker inspect -f '{{.State.Running}}' $c"),
        same("start --detach-keys", "docker create --name $d-k --network none box echo words >/dev/null; docker start --detach-keys ctrl-a -a $d-k"),
        same("ps --size", "docker ps -s --filter name=^/$c$ --format '{{.Size}}' | sed 's/ .*//'"),
        same("inspect --size", "docker exec $c sh -c 'head -c 5000 /dev/zero >/file'; docker inspect -s -f '{{.SizeRw}}' $c"),
        same_code("inspect --size of an image", "docker inspect -s box"),
        same("info --format", "docker info --format '{{.OSType}}'"),
        same("version --format", "docker version --format '{{.Server.Os}}'"),
        same_code("pull --quiet of nothing", "docker pull -q 127.0.0.1:9/none"),
        same_code("pull --platform of nothing", "docker pull --platform linux/amd64 127.0.0.1:9/none"),
        different("import --platform", "docker export $d >root.tar; docker import --platform linux/arm64 root.tar $i | wc -c; docker inspect -f '{{.Os}}/{{.Architecture}}' $i",
            "docker 20.10 took it and forgot it"),
        same("--dns-search", "docker run --rm --network none --dns 9.9.9.9 --dns-search example.org --dns-option ndots:2 box sort /etc/resolv.conf"),
        same("--expose", "docker create --name $d-new --network none --expose 80 --expose 90/udp box true >/dev/null; docker inspect -f '{{json .Config.ExposedPorts}}' $d-new"),
        different("--label-file", "printf 'a=b\\nc\\n' >labels; docker create --name $d-l --network none --label-file labels box true >/dev/null; docker inspect -f '{{json .Config.Labels}}' $d-l",
            "a label without a value is one too, as with --label"),
    ];
}
