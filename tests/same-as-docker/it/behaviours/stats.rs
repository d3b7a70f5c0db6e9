//! `stats`.

use crate::behaviour::{same, scenes};

scenes! {
    stats: "docker run -d --name $c --network none -m 64m box sleep 100; docker create --name $d --network none box true", [
        same("its columns", "docker stats --no-stream $c | head -n1"),
        same("one line for one", "docker stats --no-stream $c | wc -l"),
        same("the limit", "docker stats --no-stream --format '{{.Name}} {{.MemUsage}}' $c | sed 's/ .* \\// x/'"),
        same("processes", "docker stats --no-stream --format '{{.PIDs}}' $c"),
        same("nothing", "docker stats --no-stream no-such-container"),
        same("a table of one's own", "docker stats --no-stream --format 'table {{.Name}}\\t{{.PIDs}}' $c"),
    ];
}
