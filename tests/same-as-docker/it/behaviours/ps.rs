//! `ps`.

use crate::behaviour::{same, scenes};

scenes! {
    #[alone] ps: "docker run -d --name $c --network none -l colour=green box sleep 100
         docker run --name $d --network none -l colour=red rich:1.0 a long list of words that does not fit || true
         docker create --name $d-new --network none box sh", [
        same("those that run", "docker ps"),
        same("-a", "docker ps -a"),
        same("-q", "docker ps -q"),
        same("-aq", "docker ps -aq | wc -l"),
        same("--no-trunc", "docker ps -a --no-trunc"),
        same("-n", "docker ps -n 1 --format '{{.Names}}'"),
        same("-l", "docker ps -l --format '{{.Names}} {{.Status}}'"),
        same("--format", "docker ps -a --format '{{.Names}}: {{.Image}} {{.Command}} {{.State}}'"),
        same("a table of one's own", "docker ps -a --format 'table {{.Names}}\\t{{.Image}}\\t{{.Status}}'"),
        same("status of those that ended", "docker ps -a --filter status=exited --format '{{.Names}} {{.Status}}'"),
        same("by name", "docker ps -a --filter name=$d --format '{{.Names}}'"),
        same("by label", "docker ps -a --filter label=colour=green --format '{{.Names}}'"),
        same("by a label's name", "docker ps -a --filter label=colour --format '{{.Names}}'"),
        same("ports, networks, mounts", "docker ps -a --format '[{{.Ports}}] [{{.Networks}}] [{{.Mounts}}]'"),
        same("the image of a digest", "docker ps --format '{{.Image}} {{.RunningFor}}'"),
        same("an argument too many", "docker ps x"),
    ];
}
