//! `pause`, `unpause`, `rename`, `restart`, `update`: a container that is there is changed.

use crate::behaviour::{same, same_code, scenes};

scenes! {
    pause: "docker run -d --name $c --network none box sleep 100; docker create --name $d --network none box true", [
        same("its name is printed", "docker pause $c"),
        same("state", "docker inspect -f '{{.State.Status}} {{.State.Running}} {{.State.Paused}}' $c"),
        same("once more", "docker pause $c"),
        same("ps says so", "docker ps --filter name=$c --format '{{.Status}}'"),
        same("no exec meanwhile", "docker exec $c true"),
        same_code("no start meanwhile", "docker start $c"),
        same("it goes on", "docker unpause $c; docker exec $c echo on"),
        same("it goes on already", "docker unpause $c"),
        same("one that does not run", "docker pause $d"),
        same("one that does not run goes on", "docker unpause $d"),
        same("nothing", "docker pause no-such-container"),
        same("nothing goes on", "docker unpause no-such-container"),
        same("no name", "docker pause"),
        same("a paused one is stopped", "docker pause $c >/dev/null; docker stop -t 0 $c; docker inspect -f '{{.State.Status}} {{.State.ExitCode}}' $c"),
        same("a paused one is removed by force", "docker start $c >/dev/null; docker pause $c >/dev/null; docker rm -f $c"),
    ];
    rename: "docker create --name $c --network none box true; docker create --name $d --network none box true", [
        same("nothing is printed", "docker rename $c $c-new"),
        same("its new name", "docker inspect -f '{{.Name}}' $c-new"),
        same("its old name", "docker inspect -f '{{.Name}}' $c"),
        same_code("a name that is taken", "docker rename $c-new $d"),
        same("the same name", "docker rename $d $d"),
        same("a name that is not good", "docker rename $d 'bad name'"),
        same("nothing", "docker rename no-such-container other"),
        same("one word", "docker rename $d"),
        same("back", "docker rename $c-new $c; docker rm $c"),
    ];
    restart: "docker run -d --name $c --network none box sh -c 'echo begun; exec sleep 100'; docker create --name $d --network none box echo words", [
        same("its name is printed", "docker restart -t 0 $c"),
        same("it runs", "docker inspect -f '{{.State.Status}} {{.RestartCount}}' $c"),
        same("it began twice", "sleep 0.5; docker logs $c"),
        same("one that does not run is started", "docker restart $d; docker wait $d; docker logs $d"),
        same("nothing", "docker restart no-such-container"),
        same("no name", "docker restart"),
        same_code("a time that is none", "docker restart -t soon $c"),
    ];
    restart_policy: "", [
        same("on-failure, twice", "docker run --name $c --restart on-failure:2 --network none box sh -c 'echo try; exit 3'; while test \"$(docker inspect -f '{{.State.Status}}' $c)\" != exited; do sleep 0.1; done; docker logs $c; docker inspect -f '{{.RestartCount}} {{.State.ExitCode}}' $c"),
        same("on-failure of one that did well", "docker run --name $d --restart on-failure --network none box true; docker inspect -f '{{.RestartCount}} {{.State.Status}}' $d"),
        same("the policy in inspect", "docker inspect -f '{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}' $c"),
        same_code("a policy that is none", "docker run --restart sometimes --network none box true"),
        same_code("always and --rm", "docker run --rm --restart always --network none box true"),
        same("always, until it is stopped", "docker run -d --name $c-always --restart always --network none box true >/dev/null; sleep 1; docker stop $c-always >/dev/null; sleep 1; docker inspect -f '{{.State.Status}}' $c-always"),
    ];
    update: "docker run -d --name $c --network none -m 64m --memory-swap 128m box sleep 100", [
        same("its name is printed", "docker update --cpu-shares 200 $c"),
        same("at once", "docker exec $c cat /sys/fs/cgroup/cpu/cpu.shares"),
        same("CPUs", "docker update --cpus 0.5 $c; docker exec $c cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us"),
        same("memory", "docker update -m 48m $c; docker exec $c cat /sys/fs/cgroup/memory/memory.limit_in_bytes"),
        same("memory above its swap", "docker update -m 512m $c "),
        same("processes", "docker update --pids-limit 40 $c; docker exec $c cat /sys/fs/cgroup/pids/pids.max"),
        same("inspect says so", "docker inspect -f '{{.HostConfig.Memory}} {{.HostConfig.CpuShares}} {{.HostConfig.NanoCpus}} {{.HostConfig.PidsLimit}}' $c"),
        same("a policy", "docker update --restart always $c; docker inspect -f '{{.HostConfig.RestartPolicy.Name}}' $c"),
        same("nothing", "docker update --cpus 1 no-such-container"),
        same("no name", "docker update"),
    ];
}
