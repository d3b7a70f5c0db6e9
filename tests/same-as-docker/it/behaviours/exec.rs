//! `exec` and `attach`.

use crate::behaviour::{different, same, same_code, scenes};

scenes! {
    exec: "docker run -d --name $c --network none -h name -e COLOUR=green -w /var/www box sleep 100; docker create --name $d --network none box true", [
        same("its exit code is the program's", "docker exec $c sh -c 'exit 7'"),
        same("both streams", "docker exec $c sh -c 'echo out; echo err >&2'"),
        same("standard input without -i", "echo hello | docker exec $c cat"),
        same("standard input with -i", "echo hello | docker exec -i $c cat"),
        same("the container's environment", "docker exec $c env | sort"),
        same("-e", "docker exec -e X=1 -e COLOUR=blue $c env | sort"),
        same("--env-file", "echo F=1 >f; docker exec --env-file f $c env | sort"),
        same("the container's directory", "docker exec $c pwd"),
        same("-w", "docker exec -w /tmp $c pwd"),
        same("-u", "docker exec -u user:staff $c id"),
        same("not privileged", "docker exec $c grep Cap /proc/self/status"),
        same("-d", "docker exec -d $c touch /made; sleep 1; docker exec $c ls /made"),
        same("-t", "docker exec -t $c sh -c 'test -t 1 && echo terminal'"),
        different("a program that is not there", "docker exec $c no-such-program",
            "127 and a message, as docker since version 23; before, 126 and the message on standard output"),
        same_code("a program that cannot be run", "docker exec $c /etc/passwd"),
        same("of nothing", "docker exec no-such-container true"),
        same("of one that does not run", "docker exec $d true"),
        same("without a command", "docker exec $c"),
        same_code("an unknown flag", "docker exec --no-such-flag $c true"),
        same_code("a user that is not there", "docker exec -u nobody-known $c true"),
        same("a signal is 128 and its number", "docker exec $c sh -c 'kill -KILL $$'"),
        same("no terminal to be had", "docker exec -it $c true"),
    ];
    attach: "docker run -d --name $c --network none box sh -c 'sleep 2; echo late; exit 5'; docker create --name $d --network none box true", [
        same("until its end, with its code", "docker attach $c"),
        same("to one that has ended", "docker attach $c"),
        same("to one that was never started", "docker attach $d"),
        same("to nothing", "docker attach no-such-container"),
        same("to two", "docker attach $c $d"),
    ];
}
