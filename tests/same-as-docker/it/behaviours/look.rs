//! `top`, `diff`, `export`, `events`, `stats`: what a container does and did.

use crate::behaviour::{different, same, same_code, scenes};

scenes! {
    top: "docker run -d --name $c --network none box sh -c 'sleep 100 & exec sleep 200'; docker create --name $d --network none box true", [
        same("its columns", "docker top $c | head -n1"),
        same("its processes", "docker top $c | sed 1d | wc -l"),
        same("their words", "docker top $c -o args"),
        same("columns of one's own", "docker top $c -eo user,args | sort"),
        same("one that does not run", "docker top $d"),
        same("nothing", "docker top no-such-container"),
        same("no name", "docker top"),
    ];
    diff: "docker run --name $c --network none box sh -c 'echo x >/new; rm /etc/group; echo y >>/etc/passwd; mkdir -p /tmp/dir/deep; ln -s x /tmp/link'; docker create --name $d --network none box true", [
        same("what changed", "docker diff $c | sort"),
        same("one that was never started", "docker diff $d"),
        same("nothing", "docker diff no-such-container"),
        same("no name", "docker diff"),
        different("mounts are not told", "docker run --name $c-m --network none -v $PWD:/mnt --tmpfs /run box sh -c 'echo x >/run/x; echo y >/mnt/y'; docker diff $c-m | sort", "a place for a mount is not a change"),
    ];
    export: "docker run --name $c --network none -h h box sh -c 'echo x >/new; ln -s new /link; rm /etc/group; mkdir /d; chmod 700 /d; chown 5:6 /d'", [
        same("a file that is there", "docker export $c | tar -xO new"),
        same("owners and modes", "docker export $c | tar -tv --numeric-owner | awk '{print $1, $2, $6, $7, $8}' | grep -E ' (d/|new|link|tmp/|root/)' | sort"),
        same("all names", "docker export $c | tar -t | sed 's/^\\.\\///; s/\\/$//' | grep . | grep -v dockerenv | grep -v ^dev/ | sort"),
        same("into a file", "docker export -o out.tar $c; tar -xOf out.tar new"),
        same("nothing", "docker export no-such-container"),
        same("no name", "docker export"),
        same_code("a directory that is not there", "docker export -o none/out.tar $c"),
    ];
    events: "docker run --name $c --network none -l colour=green box sh -c 'exit 3' || true
             docker create --name $d --network none box sleep 100; docker start $d; docker exec $d true; docker pause $d; docker unpause $d; docker kill $d; docker wait $d; docker rename $d $d-new; docker rm $d-new; sleep 1.1", [
        same("of one container", "docker events --since 10m --until 0s --filter container=$c --format '{{.Type}} {{.Action}}'"),
        same("of a life", "docker events --since 10m --until 0s --filter container=$d --filter type=container --format '{{.Action}}' | grep -v exec_ | grep -v attach | grep -v destroy | sort"),
        same("by what happened", "docker events --since 10m --until 0s --filter event=die --filter container=$c --format '{{.Actor.Attributes.exitCode}} {{.Actor.Attributes.name}} {{.Actor.Attributes.image}}'"),
        same("by label", "docker events --since 10m --until 0s --filter label=colour=green --filter container=$c --format '{{.Action}}' | sort -u"),
        same("an argument too many", "docker events x"),
        same_code("a filter that is none", "docker events --until 0s --filter nonsense"),
        same("before it all", "docker events --until 2001-01-01T00:00:00Z --since 2000-01-01T00:00:00Z"),
    ];
}
