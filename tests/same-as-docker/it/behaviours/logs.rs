//! `logs`.

use crate::behaviour::{same, same_code, scenes};

scenes! {
    logs: "docker run --name $c --network none box sh -c 'for i in 1 2 3 4 5; do echo out $i; done; sleep 0.2; echo err >&2; sleep 0.2; printf unfinished'
           docker create --name $d --network none box sh -c 'echo begin; sleep 2; echo end'", [
        same("both streams", "docker logs $c; echo"),
        same("only standard error", "docker logs $c 2>&1 >/dev/null"),
        same("--tail", "docker logs --tail 2 $c"),
        same("-n", "docker logs -n 1 $c"),
        same("--tail 0", "docker logs --tail 0 $c"),
        same("--tail all", "docker logs --tail all $c 2>/dev/null"),
        same("--tail of more than there is", "docker logs --tail 100 $c 2>/dev/null"),
        same("--tail that is no number", "docker logs --tail many $c"),
        same("-t", "docker logs -t $c 2>/dev/null | sed 's/ .*//' | cut -c1-2 | sort -u"),
        same("times have nanoseconds", "docker logs -t $c 2>/dev/null | head -n1 | cut -d' ' -f1 | wc -c"),
        same("--since later", "docker logs --since 2099-01-01 $c"),
        same("--since earlier", "docker logs --since 10m $c 2>/dev/null"),
        same("--until earlier", "docker logs --until 2001-01-01 $c"),
        same("--until later", "docker logs --until 2099-01-01T00:00:00Z $c 2>/dev/null"),
        same_code("--since that is no time", "docker logs --since whenever $c"),
        same("-f of one that has ended", "docker logs -f $c 2>/dev/null"),
        same("of one that was never started", "docker logs $d"),
        same("-f until its end", "docker start $d >/dev/null; docker logs -f $d"),
        same("of nothing", "docker logs no-such-container"),
        same("no name", "docker logs"),
        same("two names", "docker logs $c $d"),
        same("a long line is one line", "docker run --name $c-long --network none box sh -c 'head -c 40000 /dev/zero | tr \"\\0\" x; echo' >/dev/null; docker logs $c-long | wc"),
        same("with a terminal: one stream", "docker run -t --name $c-tty --network none box sh -c 'echo a; echo b >&2' >/dev/null; docker logs $c-tty 2>/dev/null | od -c"),
    ];
}
