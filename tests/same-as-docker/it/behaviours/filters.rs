//! `ps` with all its filters, sizes and formats.

use crate::behaviour::{same, same_code, scenes};

scenes! {
    #[alone] ps_filters: "docker run -d --name $c --network none -l colour=green -v $PWD:/mnt box sleep 100
         docker run --name $d --network none box sh -c 'exit 3' || true
         docker create --name $d-new --network none rich:1.0", [
        same("status", "docker ps -a --filter status=created --format '{{.Names}}'"),
        same("two of a kind: either", "docker ps -a --filter status=created --filter status=exited --format '{{.Names}}'"),
        same("two kinds: both", "docker ps -a --filter status=exited --filter name=$c --format '{{.Names}}'"),
        same("exited", "docker ps -a --filter exited=3 --format '{{.Names}}'"),
        same("ancestor", "docker ps -a --filter ancestor=rich:1.0 --format '{{.Names}}'"),
        same("before", "docker ps -a --filter before=$d --format '{{.Names}}'"),
        same("since", "docker ps -a --filter since=$d --format '{{.Names}}'"),
        same("network", "docker ps -a --filter network=none --format '{{.Names}}'"),
        same("volume", "docker ps -a --filter volume=/mnt --format '{{.Names}}'"),
        same("id", "docker ps -a --filter id=$(docker inspect -f '{{.Id}}' $c) --format '{{.Names}}'"),
        same("a name's beginning", "docker ps -a --filter name=^/$d$ --format '{{.Names}}'"),
        same("a filter that is none", "docker ps --filter nonsense=1"),
        same_code("a filter without a value", "docker ps --filter status"),
        same_code("a status that is none", "docker ps --filter status=nowhere"),
        same("one label", "docker ps -a --format '{{.Label \"colour\"}}'"),
        same("as JSON: its keys", "docker ps -a -n 1 --format '{{json .}}' | tr ',' '\\n' | sed 's/:.*//; s/[{}]//g' | sort"),
        same("mounts", "docker ps --format '{{.LocalVolumes}}'"),
        same("a template that is none", "docker ps --format '{{.Names' 2>/dev/null"),
        same("a field that is none", "docker ps --format '{{.NoSuch}}' 2>/dev/null; echo"),
    ];
}
