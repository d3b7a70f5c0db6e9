//! Health checks.

use crate::behaviour::{same, same_code, scenes};

scenes! {
    health: "docker run -d --name $c --network none --health-cmd 'echo fine; test ! -e /sick' --health-interval 300ms --health-retries 2 box sleep 100
             docker run -d --name $d --network none --health-cmd true --health-interval 1h box sleep 100", [
        same("at first", "docker inspect -f '{{.State.Health.Status}} {{.State.Health.FailingStreak}}' $d"),
        same("it is well", "while test $(docker inspect -f '{{.State.Health.Status}}' $c) != healthy; do sleep 0.1; done; docker inspect -f '{{.State.Health.Status}} {{.State.Health.FailingStreak}}' $c"),
        same("what the check said", "docker inspect -f '{{with index .State.Health.Log 0}}{{.ExitCode}} {{.Output}}{{end}}' $c"),
        same("ps says so", "docker ps --filter name=^/$c$ --format '{{.Names}} {{.Status}}'"),
        same("ps by health", "docker ps --filter health=healthy --filter name=$c --format '{{.Names}}'; docker ps --filter health=starting --filter name=$d --format '{{.Names}}'"),
        same("as it was asked for", "docker inspect -f '{{json .Config.Healthcheck}}' $c | sed 's/,\"StartPeriod.*//' | tr ',{}' '\\n\\n\\n' | sort"),
        same("it is not", "docker exec $c touch /sick; while test $(docker inspect -f '{{.State.Health.Status}}' $c) != unhealthy; do sleep 0.1; done; docker inspect -f '{{.State.Health.Status}} {{.State.Running}}' $c"),
        same("it is again", "docker exec $c rm /sick; while test $(docker inspect -f '{{.State.Health.Status}}' $c) != healthy; do sleep 0.1; done; docker inspect -f '{{.State.Health.Status}} {{.State.Health.FailingStreak}}' $c"),
        same("events", "docker events --since 10m --until $(($(date +%s) + 1)) --filter container=$c --filter event=health_status --format '{{.Action}}'"),
        same("when it has ended", "docker stop -t 0 $c; docker inspect -f '{{.State.Health.Status}}' $c; docker ps -a --filter name=^/$c$ --format '{{.Status}}'"),
        same("none", "docker rm -f $d >/dev/null; docker create --name $d --network none box true >/dev/null; docker inspect -f '{{json .Config.Healthcheck}}' $d 2>/dev/null; docker ps -a --filter health=none --filter name=^/$d$ --format '{{.Names}}'"),
        same("--no-healthcheck and one", "docker run --no-healthcheck --health-cmd true --network none box true"),
        same("a time below nothing", "docker run --rm --health-cmd true --health-interval -1s --network none box true"),
        same("retries below nothing", "docker run --rm --health-cmd true --health-retries -1 --network none box true"),
        same_code("a time that is none", "docker run --rm --health-cmd true --health-timeout soon --network none box true"),
        same("--no-healthcheck in inspect", "docker create --name $d-no --no-healthcheck --network none box true >/dev/null; docker inspect -f '{{json .Config.Healthcheck}}' $d-no"),
    ];
}
