//! `images`, `tag`, `rmi`, `load`, `import`, `pull`.

use crate::behaviour::{same, same_code, scenes};

scenes! {
    #[alone] images: "", [
        same("the table", "docker images | sed 's/ [^ ]*$//' | sort"),
        same("-q", "docker images -q | sort"),
        same("--no-trunc", "docker images -q --no-trunc | sort | sha256sum"),
        same("--format", "docker images --format '{{.Repository}}:{{.Tag}}' | sort"),
        same("a table of one's own", "docker images --format 'table {{.Repository}}\\t{{.Tag}}' rich"),
        same("one repository", "docker images rich --format '{{.Tag}}'"),
        same("one that is not there", "docker images no-such-image -q"),
        same("--digests", "docker images --digests rich | sed 's/ [^ ]*$//'"),
        same("--filter reference", "docker images --filter 'reference=r*' --format '{{.Repository}}'"),
        same("-a", "docker images -a -q | wc -l"),
    ];
    tag: "", [
        same("a second name", "docker tag box $i:one; docker images --format '{{.Repository}}:{{.Tag}}' $i"),
        same("latest by default", "docker tag box $i; docker images --format '{{.Tag}}' $i | sort"),
        same("an image that is not there", "docker tag no-such-image $i"),
        same_code("a name that is none", "docker tag box 'Bad Name'"),
        same("one word", "docker tag box"),
        same("a name is taken away", "docker rmi $i:one"),
        same_code("an image that is used", "docker create --name $c --network none $i >/dev/null; docker tag box $i-2; docker rmi $i"),
        same("an image that is not there is not removed", "docker rmi no-such-image:latest"),
        same("rmi without a name", "docker rmi"),
        same("rmi -f of nothing", "docker rmi -f no-such-image:latest"),
    ];
    import: "mkdir -p root/bin; echo hi >root/file; tar -C root -cf root.tar .", [
        same("an id is printed", "docker import root.tar $i | cut -c1-7"),
        same("from standard input", "docker import - $i:stdin <root.tar | cut -c1-7"),
        same("--change", "docker import -c 'ENV A=1' -c 'CMD [\"/x\"]' -c 'EXPOSE 80' -c 'LABEL x=y' root.tar $i:change >/dev/null; docker inspect -f '{{json .Config.Env}} {{json .Config.Cmd}} {{json .Config.ExposedPorts}} {{json .Config.Labels}}' $i:change"),
        same("--message", "docker import -m words root.tar $i:message >/dev/null; docker inspect -f '{{.Comment}}' $i:message"),
        same_code("a change that is none", "docker import -c 'NONSENSE x' root.tar $i:bad"),
        same_code("a file that is not there", "docker import no-such.tar"),
        same_code("a file that is no archive", "echo no >no.tar; docker import no.tar $i:no"),
        same("without a word", "docker import"),
    ];
    load: "tar -cf none.tar -T /dev/null", [
        same_code("nothing on standard input", "docker load </dev/null"),
        same_code("a file that is not there", "docker load -i no-such.tar"),
        same("an argument too many", "docker load x"),
        same_code("pull of a name that is none", "docker pull 'Bad Name'"),
        same("pull without a name", "docker pull"),
    ];
}
