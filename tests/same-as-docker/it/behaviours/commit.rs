//! `commit`: what a container changed becomes an image.

use crate::behaviour::{same, same_code, scenes};

scenes! {
    commit: "docker run --name $c --network none -e X=1 -w /tmp box sh -c 'echo x >/new; rm /etc/group'; docker create --name $d --network none rich:1.0", [
        same("an id is printed", "docker commit $c $i | cut -c1-7"),
        same("a file that was made", "docker run --rm --network none $i cat /new"),
        same("a file that was removed", "docker run --rm --network none $i cat /etc/group"),
        same("its words, environment, directory", "docker inspect -f '{{json .Config.Cmd}} {{.Config.WorkingDir}} {{index .Config.Env 0}}' $i"),
        same("-m and -a", "docker commit -m words -a me $c $i:m >/dev/null; docker inspect -f '{{.Comment}} {{.Author}}' $i:m"),
        same("-c", "docker commit -c 'CMD [\"echo\",\"hi\"]' -c 'ENV Y=2' -c 'EXPOSE 80' $c $i:c >/dev/null; docker run --rm --network none $i:c; docker inspect -f '{{json .Config.ExposedPorts}}' $i:c"),
        same("one that was never started", "docker commit $d $i:d >/dev/null; docker run --rm --network none $i:d"),
        same("one more layer", "docker inspect -f '{{len .RootFS.Layers}}' $i"),
        same("without a name", "docker commit $c >id; docker rmi $(cat id) >/dev/null; cut -c1-7 id"),
        same("nothing", "docker commit no-such-container $i"),
        same("no word", "docker commit"),
        same_code("a name that is none", "docker commit $c 'Bad Name'"),
        same_code("a change that is none", "docker commit -c 'NONSENSE x' $c"),
        same("one that runs", "docker start $c >/dev/null; docker run -d --name $c-run --network none box sh -c 'echo r >/r; sleep 100' >/dev/null; sleep 1; docker commit $c-run $i:r >/dev/null; docker run --rm --network none $i:r cat /r; docker inspect -f '{{.State.Status}}' $c-run"),
        same("without a pause", "docker commit -p=false $c-run $i:p | cut -c1-7"),
    ];
}
