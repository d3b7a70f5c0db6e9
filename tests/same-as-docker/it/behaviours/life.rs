//! `stop`, `kill`, `wait`, `rm`.

use crate::behaviour::{different, same, same_code, scenes};

scenes! {
    stop: "docker run -d --name $c --network none --init box sleep 100; docker create --name $d --network none box true", [
        same("its name is printed", "docker stop -t 5 $c"),
        same("what TERM leaves", "docker inspect -f '{{.State.Status}} {{.State.ExitCode}}' $c"),
        same("once more: nothing happens", "docker stop $c"),
        same("one that was never started", "docker stop $d"),
        same("the others are stopped too", "docker stop no-such-container $c"),
        same("nothing", "docker stop no-such-container"),
        same("no name", "docker stop"),
        same_code("not a number", "docker stop -t soon $c"),
        same("--stop-signal", "docker rm $c >/dev/null; docker run -d --name $c --network none --stop-signal INT box sh -c 'trap \"exit 9\" INT; while :; do sleep 0.1; done' >/dev/null; sleep 1; docker stop -t 5 $c; docker inspect -f '{{.State.ExitCode}}' $c"),
        same("after the time it is killed", "docker rm $c >/dev/null; docker run -d --name $c --network none box sleep 100 >/dev/null; docker stop -t 0 $c; docker inspect -f '{{.State.Status}} {{.State.ExitCode}}' $c"),
    ];
    kill: "docker run -d --name $c --network none --init box sleep 100; docker create --name $d --network none box true", [
        same("its name is printed", "docker kill $c"),
        same("what KILL leaves", "docker wait $c; docker inspect -f '{{.State.Status}} {{.State.ExitCode}}' $c"),
        same("one that does not run", "docker kill $c"),
        same("one that was never started", "docker kill $d"),
        same("nothing", "docker kill no-such-container"),
        same("no name", "docker kill"),
        same("a signal by name", "docker start $c >/dev/null; docker kill -s TERM $c; docker wait $c"),
        same("a signal by its long name", "docker start $c >/dev/null; docker kill --signal SIGINT $c; docker wait $c"),
        same("a signal by number", "docker start $c >/dev/null; docker kill -s 9 $c; docker wait $c"),
        same("a signal that is none", "docker start $c >/dev/null; docker kill -s NOSUCH $c"),
        same("signal 0", "docker kill -s 0 $c; docker kill $c"),
    ];
    wait: "docker run -d --name $c --network none box sh -c 'sleep 1; exit 6'; docker create --name $d --network none box true", [
        same("its code is printed", "docker wait $c"),
        same("of one that has ended", "docker wait $c"),
        same("of one that was never started", "timeout 3 docker wait $d"),
        same("of two", "docker wait $c $c"),
        same("of nothing", "docker wait no-such-container"),
        same("no name", "docker wait"),
    ];
    rm: "docker run -d --name $c --network none box sleep 100; docker create --name $d --network none box true", [
        different("one that runs", "docker rm $c", "docker's words since version 25"),
        same_code("its code", "docker rm $c"),
        same("by force", "docker rm -f $c"),
        same("one that was never started", "docker rm $d"),
        same("nothing", "docker rm no-such-container"),
        same("nothing, by force", "docker rm -f no-such-container"),
        same("no name", "docker rm"),
        same("a name is free again", "docker run --name $c --network none box true; docker rm $c"),
        same("two", "docker create --name $c --network none box >/dev/null; docker create --name $d --network none box >/dev/null; docker rm $c $d"),
        same("-v", "docker create --name $c --network none box >/dev/null; docker rm -v $c"),
        same("one of two is not there", "docker create --name $c --network none box >/dev/null; docker rm no-such-container $c"),
    ];
}
