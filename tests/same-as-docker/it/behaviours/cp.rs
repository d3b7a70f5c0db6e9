//! `cp`: files, directories, links and archives, in and out.

use crate::behaviour::{different, same, same_code, scenes};

const NEWER: &str = "docker's words since version 23";

const SET_UP: &str =
    "mkdir -p src/sub; echo one >src/file; echo two >src/sub/deep; ln -s file src/link
    docker create --name $c --network none box sleep 100
    docker run -d --name $d --network none box sleep 100";

scenes! {
    cp_in: SET_UP, [
        same("a file", "docker cp src/file $c:/tmp/f; docker cp $c:/tmp/f - | tar -xO"),
        same("into a directory", "docker cp src/file $c:/tmp; docker cp $c:/tmp/file - | tar -xO"),
        same("under another name", "docker cp src $c:/tmp/new; docker cp $c:/tmp/new - | tar -t | sort"),
        same("a directory into one that is there", "docker cp src $c:/tmp; docker cp $c:/tmp/src - | tar -t | sort"),
        same("what is in a directory", "docker cp src/. $c:/var/www; docker cp $c:/var/www - | tar -t | sort"),
        same("a path without its first slash", "docker cp src/file $c:tmp/relative; docker cp $c:/tmp/relative - | tar -t"),
        same("into what is not there", "docker cp src/file $c:/none/"),
        same_code("below what is not there", "docker cp src/file $c:/none/file"),
        same_code("below a file", "docker cp src/file $c:/etc/passwd/file"),
        same("a directory onto a file", "docker cp src $c:/etc/passwd"),
        same_code("of what is not there", "docker cp src/none $c:/tmp"),
        same("a link as such", "docker cp src/link $c:/tmp/link; docker cp $c:/tmp/link - | tar -tv | awk '{print $1, $6, $7, $8}'"),
        same("what a link leads to", "docker cp -L src/link $c:/tmp/followed; docker cp $c:/tmp/followed - | tar -xO"),
        same("an archive", "tar -C src -cf - . | docker cp - $c:/home; docker cp $c:/home - | tar -t | sort"),
        same_code("an archive onto a file", "tar -C src -cf - . | docker cp - $c:/etc/passwd"),
        same_code("an archive to what is not there", "tar -C src -cf - . | docker cp - $c:/none"),
        same("into one that runs", "docker cp src/file $d:/running; docker exec $d cat /running"),
        same("its owner is root", "chown 5:6 src/file; docker cp src/file $d:/owned; docker exec $d stat -c '%u %g' /owned"),
        same("-a: its owner stays", "docker cp -a src/file $d:/kept; docker exec $d stat -c '%u %g' /kept"),
        same("its mode stays", "chmod 4711 src/file; docker cp src/file $d:/mode; docker exec $d stat -c '%a' /mode"),
        same("through a link in the container", "docker exec $d ln -s /etc /way; docker cp src/file $d:/way/through; docker exec $d ls /etc/through"),
        same("a link that leads out stays within", "docker exec $d ln -s ../../../etc /out; docker cp src/file $d:/out/within; docker exec $d ls /etc/within"),
        same("nothing is told", "docker cp -q src/file $c:/tmp/quiet 2>/dev/null; docker cp src/file $c:/tmp/f"),
    ];
    cp_out: SET_UP, [
        same("a file", "docker cp $c:/etc/passwd out; sha256sum <out"),
        same("into a directory", "mkdir there; docker cp $c:/etc/passwd there; ls there"),
        same("a directory", "docker cp src/. $c:/var/www; docker cp $c:/var/www www; find www | sort"),
        same("a directory into one that is there", "docker cp $c:/var/www there; find there | sort"),
        same("what is in a directory", "mkdir flat; docker cp $c:/var/www/. flat; find flat | sort"),
        different("of what is not there", "docker cp $c:/no/such .", NEWER),
        same_code("below what is not there", "docker cp $c:/etc/passwd none/x"),
        same_code("a directory onto a file", "docker cp $c:/var/www out"),
        same("a link as such", "docker cp $c:/var/www/link link; readlink link"),
        same("what a link leads to", "docker cp -L $c:/var/www/link followed; cat followed"),
        same("as an archive", "docker cp $c:/var/www - | tar -t | sort"),
        same("of one that runs", "docker exec $d sh -c 'echo new >/new'; docker cp $d:/new - | tar -xO"),
        same("between containers", "docker cp $c:/etc/passwd $d:/x"),
        same("from here to here", "docker cp src out"),
        different("of nothing", "docker cp no-such-container:/x .", NEWER),
        different("into nothing", "docker cp src no-such-container:/x", NEWER),
        same_code("their codes", "docker cp $c:/no/such .; echo $?; docker cp no-such-container:/x .; echo $?"),
        same("one word", "docker cp $c:/x"),
        same("no words", "docker cp"),
        same("three words", "docker cp a b c"),
    ];
}
