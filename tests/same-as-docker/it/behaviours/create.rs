//! `create` and `start`.

use crate::behaviour::{different, same, same_code, same_output, scenes};

scenes! {
    create: "", [
        same_output("an id", "docker create --name $c --network none box sh -c 'echo hello; exit 4'"),
        same("state", "docker inspect -f '{{.State.Status}} {{.State.Running}} {{.State.Pid}} {{.State.ExitCode}} {{.State.StartedAt}} {{.State.FinishedAt}}' $c"),
        same("its name", "docker inspect -f '{{.Name}}' $c"),
        different("a name that is not good", "docker create --name 'bad name' box true", "found with the other flags, and ends with 125 as they do"),
        same("started and attached", "docker start -a $c"),
        same("started again", "docker start $c"),
        same("waited for", "docker wait $c"),
        same("after its end", "docker inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}} {{.State.Dead}} {{.State.Error}}' $c"),
        same("two starts, two outputs", "docker logs $c"),
        same("start of nothing", "docker start no-such-container"),
        same("start without a name", "docker start"),
        same("two cannot be attached to at once", "docker start -a $c $c"),
        same_output("by id", "docker start $(docker inspect -f '{{.Id}}' $c)"),
        same_code("by the beginning of its id", "docker start $(docker inspect -f '{{.Id}}' $c | cut -c1-10)"),
        same("removed", "docker wait $c >/dev/null; docker rm $c"),
        same("removed once more", "docker rm $c"),
        same_code("an image that is not there", "docker create --pull never no-such-image"),
        same("no command", "docker create"),
        same("start -i", "docker create -i --name $c --network none box cat >/dev/null; echo words | docker start -ai $c"),
        same("a running one is started: nothing happens", "docker create --name $d --network none box sleep 100 >/dev/null; docker start $d; docker start $d"),
        same("attached to its end", "docker kill $d >/dev/null; docker start -a $c </dev/null & sleep 1; docker kill $c; wait $!; echo $?"),
    ];
}
