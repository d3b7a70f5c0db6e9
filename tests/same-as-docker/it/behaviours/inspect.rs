//! `inspect`: what the fields say.

use crate::behaviour::{different, same, scenes};

scenes! {
    inspect: "mkdir dir; docker create --name $c --network none -e X=1 -e Y=2 -l a=b -h name --domainname example.org \
              -w /tmp -u user:staff -m 64m --cpus 1.5 -c 512 --cpuset-cpus 0 --pids-limit 99 --cap-add net_admin --cap-drop mknod \
              --read-only --tmpfs /run --stop-signal INT --stop-timeout 3 --dns 9.9.9.9 --add-host h:1.2.3.4 -v $PWD/dir:/mnt:ro \
              --group-add 7 --security-opt no-new-privileges --init --entrypoint echo box one two", [
        same("path and words", "docker inspect -f '{{.Path}} {{json .Args}}' $c"),
        same("Config: process", "docker inspect -f '{{json .Config.Cmd}} {{json .Config.Entrypoint}} {{.Config.WorkingDir}} {{.Config.User}}' $c"),
        different("Config: environment", "docker inspect -f '{{json .Config.Env}}' $c", "the PATH that every container gets is written down"),
        same("Config: streams", "docker inspect -f '{{.Config.AttachStdin}} {{.Config.AttachStdout}} {{.Config.AttachStderr}} {{.Config.Tty}} {{.Config.OpenStdin}} {{.Config.StdinOnce}}' $c"),
        same("Config: names", "docker inspect -f '{{.Config.Hostname}} {{.Config.Domainname}} {{.Config.Image}} {{json .Config.Labels}}' $c"),
        same("Config: the end", "docker inspect -f '{{.Config.StopTimeout}}' $c"),
        different("Config: the signal to stop", "docker inspect -f '{{.Config.StopSignal}}' $c", "a signal is told by its whole name, however it was typed"),
        same("HostConfig: memory", "docker inspect -f '{{.HostConfig.Memory}} {{.HostConfig.MemoryReservation}}' $c"),
        same("HostConfig: CPU", "docker inspect -f '{{.HostConfig.NanoCpus}} {{.HostConfig.CpuShares}} {{.HostConfig.CpusetCpus}} {{.HostConfig.PidsLimit}}' $c"),
        same("HostConfig: rights", "docker inspect -f '{{.HostConfig.CapAdd}} {{.HostConfig.CapDrop}} {{.HostConfig.Privileged}} {{.HostConfig.SecurityOpt}} {{.HostConfig.ReadonlyRootfs}}' $c"),
        same("HostConfig: mounts", "docker inspect -f '{{json .HostConfig.Binds}} {{json .HostConfig.Tmpfs}}' $c"),
        same("HostConfig: network", "docker inspect -f '{{.HostConfig.NetworkMode}} {{.HostConfig.Dns}} {{.HostConfig.ExtraHosts}}' $c"),
        same("HostConfig: the rest", "docker inspect -f '{{.HostConfig.AutoRemove}} {{.HostConfig.Init}} {{.HostConfig.GroupAdd}} {{.HostConfig.RestartPolicy.Name}}' $c"),
        same("Mounts", "docker inspect -f '{{range .Mounts}}{{if eq .Type \"bind\"}}{{.Type}} {{.Source}} {{.Destination}} {{.Mode}} {{.RW}} {{.Propagation}}{{end}}{{end}}' $c"),
        different("Mounts of --tmpfs", "docker inspect -f '{{len .Mounts}}' $c", "a tmpfs is a mount however it was asked for"),
        same("a name that is none", "docker inspect no-such-thing"),
        same("one of two is not there", "docker inspect -f '{{.Name}}' no-such-thing $c"),
        same("a field that is none", "docker inspect -f '{{.NoSuchField}}' $c 2>/dev/null"),
        same("a template that is none", "docker inspect -f '{{.Name' $c 2>/dev/null"),
        same("--type container", "docker inspect --type container -f '{{.Name}}' $c"),
        same("--type image of a container", "docker inspect --type image $c:latest"),
        same("no name", "docker inspect"),
        same("of two", "docker inspect -f '{{.Name}}' $c $c"),
        same("if, index, len", "docker inspect -f '{{if .Config.Tty}}yes{{else}}no{{end}} {{index .Args 0}} {{len .Args}}' $c"),
        same("printf, upper, join, println", "docker inspect -f '{{printf \"%s-%d\" .Path 3}} {{upper .Path}} {{join .Args \",\"}} {{println .Path}}' $c"),
        same("eq, and, or, not", "docker inspect -f '{{if and (eq .Path \"echo\") (not .Config.Tty)}}both{{end}}' $c"),
        same("with, else", "docker inspect -f '{{with .Config.Labels}}{{.a}}{{else}}none{{end}}' $c"),
        same("a map in order", "docker inspect -f '{{range $k, $v := .Config.Labels}}{{$k}}={{$v}} {{end}}' $c"),
        same("State of an unstarted one, whole", "docker inspect -f '{{json .State}}' $c | tr ',{}' '\\n\\n\\n' | sort"),
        same("Platform", "docker inspect -f '{{.Platform}}' $c"),
        same("ports by default", "docker create --name $d box true >/dev/null; docker inspect -f '{{json .HostConfig.PortBindings}}' $d"),
        different("network by default", "docker inspect -f '{{.HostConfig.NetworkMode}}' $d", "named bridge, as docker does since version 26"),
        same("limits by default", "docker inspect -f '{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{json .HostConfig.PidsLimit}}' $d"),
    ];
    inspect_fields: "docker create --name $c --network none -m 64m box true; docker create --name $d box true", [
        same("lists that nobody asked for", "docker inspect -f '{{json .HostConfig.CapAdd}} {{json .HostConfig.Binds}} {{json .HostConfig.ExtraHosts}} {{json .HostConfig.GroupAdd}} {{json .HostConfig.SecurityOpt}} {{json .HostConfig.Ulimits}} {{json .HostConfig.Dns}} {{json .HostConfig.Devices}} {{json .HostConfig.Links}} {{json .HostConfig.VolumesFrom}}' $c"),
        same("lists as Go shows them", "docker inspect -f '{{.HostConfig.CapAdd}} {{.HostConfig.Binds}} {{.ExecIDs}} {{.Config.Volumes}} {{.Config.Entrypoint}} {{.HostConfig.MaskedPaths | len | lt 5}}' $c"),
        same("swap by default", "docker inspect -f '{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}}' $c"),
        same("fields that say nothing", "docker inspect -f '{{.HostConfig.ContainerIDFile}} {{.HostConfig.PublishAllPorts}} {{.HostConfig.VolumeDriver}} {{.HostConfig.ConsoleSize}} {{.MountLabel}} {{.ProcessLabel}} {{.NetworkSettings.HairpinMode}} {{json .NetworkSettings.SecondaryIPAddresses}} {{json .Config.OnBuild}}' $c"),
        same("paths nobody may write", "docker inspect -f '{{json .HostConfig.ReadonlyPaths}}' $c"),
        same("a network that it has not joined yet", "docker inspect -f '{{range $n, $e := .NetworkSettings.Networks}}{{$n}} [{{.IPAddress}}] [{{.Gateway}}] {{.IPPrefixLen}}{{end}}' $d"),
    ];
    inspect_image: "", [
        same("Config", "docker image inspect -f '{{json .Config.Env}} {{json .Config.Cmd}} {{json .Config.Entrypoint}} {{.Config.WorkingDir}} {{.Config.User}} {{json .Config.ExposedPorts}} {{json .Config.Labels}}' rich:1.0 2>/dev/null || docker inspect -f '{{json .Config.Env}} {{json .Config.Cmd}} {{json .Config.Entrypoint}} {{.Config.WorkingDir}} {{.Config.User}} {{json .Config.ExposedPorts}} {{json .Config.Labels}}' rich:1.0"),
        same("names and platform", "docker inspect -f '{{.RepoTags}} {{.Os}} {{.Architecture}} {{.Comment}}' rich:1.0"),
        same("the same id", "docker inspect -f '{{.Id}}' box | sha256sum"),
        same("layers", "docker inspect -f '{{.RootFS.Type}} {{len .RootFS.Layers}}' box"),
        same("--type container of an image", "docker inspect --type container box"),
    ];
}
