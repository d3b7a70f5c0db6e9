//! Log drivers and their options.

use crate::behaviour::{different, same, same_code, scenes};

scenes! {
    log_options: "", [
        different("by default", "docker create --name $d --network none box true >/dev/null; docker inspect -f '{{json .HostConfig.LogConfig}}' $d",
            "a log does not fill the disk: three files of 10 MB"),
        same("files of a size", "docker run --name $c --network none --log-opt max-size=2k --log-opt max-file=2 box sh -c 'i=0; while test $i -lt 200; do echo line $i; i=$((i+1)); done' >/dev/null; docker logs $c | tail -n1; test $(docker logs $c | wc -l) -lt 150; echo $?"),
        same("in inspect", "docker inspect -f '{{.HostConfig.LogConfig.Type}} {{index .HostConfig.LogConfig.Config \"max-size\"}}' $c"),
        same("none: it is shown", "docker run --name $c-none --network none --log-driver none box echo shown"),
        same("none: it is not kept", "docker logs $c-none"),
        same("local", "docker run --name $c-local --network none --log-driver local box sh -c 'echo out; sleep 0.2; echo err >&2' >/dev/null 2>&1; docker logs $c-local"),
        same("local, the last", "docker logs --tail 1 $c-local"),
        same_code("a driver that is none", "docker run --rm --network none --log-driver nonsense box true"),
        same("an option that is none", "docker create --network none --log-opt nonsense=1 box true"),
        same_code("a size that is none", "docker run --rm --network none --log-opt max-size=many box true"),
        same("--details", "docker run --name $c-more --network none -l a=b -e C=d --log-opt labels=a --log-opt env=C box echo words >/dev/null; docker logs --details $c-more"),
        same("--details of none", "docker run --name $c-less --network none box echo words >/dev/null; docker logs --details $c-less"),
    ];
}
