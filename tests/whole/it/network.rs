//! Step 4 of docker's six: an interface, an address, the way out.

use std::fs;
use std::process::{Child, Stdio};
use teu_testkit::Teu;
use teu_testkit::teu::{Place, shell, until};

/// D4, D7: on a machine without docker the first address is what docker's users know.
#[test]
fn the_interface_is_what_dockers_users_know() {
    let teu = Teu::with_busybox("interface").elsewhere();
    teu.ok("run -d --name demo busybox sleep 99");
    let shown = teu.ok("exec demo ip -o addr show eth0");
    assert!(
        shown.contains("inet 172.17.0.") && shown.contains("/16 brd 172.17.255.255"),
        "{shown}"
    );
    let link = teu.ok("exec demo ip -o link show eth0");
    assert!(link.contains("mtu 1500") && link.contains("link/ether 02:42:ac:11:00:"), "{link}");
    assert!(teu.ok("exec demo ip route").contains("default via 172.17.0.1 dev eth0"));
    let settings = "{{.NetworkSettings.IPAddress}} {{.NetworkSettings.Gateway}} {{.NetworkSettings.IPPrefixLen}} {{.NetworkSettings.MacAddress}}";
    let told = teu.ok(&format!("inspect -f '{settings}' demo"));
    let parts: Vec<&str> = told.split(' ').collect();
    assert!(
        parts[0].starts_with("172.17.0.") && parts[1] == "172.17.0.1" && parts[2] == "16",
        "{told}"
    );
    assert!(parts[3].starts_with("02:42:ac:11:00:"), "{told}");
    // N8: the host has the other end, on a bridge.
    let links = teu.place().shell("ip -o link");
    assert!(links.contains("master teu"), "{links}");
}

/// D7
#[test]
fn the_classic_first_session() {
    let teu = Teu::with_busybox("demo").elsewhere();
    let mut user = teu_testkit::Tty::spawn(
        &teu.command(&["run", "-it", "--name", "demo", "busybox", "sh"]),
        24,
        80,
    );
    user.expect("# ");
    user.send("hostname; echo id-end\n");
    user.expect("id-end\r\n");
    let id = teu.ok("inspect -f '{{.Id}}' demo");
    user.expect("id-end");
    assert!(user.shown().contains(&id[..12]), "{}", user.shown());
    user.send("uname -r\n");
    user.expect(&shell("uname -r"));
    user.send("ps -o pid,comm; echo ps-end\n");
    user.expect("1 sh");
    user.expect("ps-end");
    user.send("ip addr show eth0\n");
    user.expect("inet 172.17.0.");
    user.send("exit\n");
    assert_eq!(user.end(), 0);
    assert!(teu.ok("ps -a --format '{{.Status}}'").starts_with("Exited (0)"));
}

#[test]
fn containers_reach_each_other_and_the_host_reaches_them() {
    let teu = Teu::with_busybox("reach");
    teu.ok("run -d --name a busybox sleep 99");
    let address = teu.address("a");
    teu.ok(&format!("run --rm busybox ping -c 1 -W 5 {address}"));
    shell(&format!("ping -c 1 -W 5 {address}"));
    assert_eq!(teu.run("run --rm --network none busybox ping -c 1 -W 1 127.0.0.1").code, 0);
    assert_ne!(
        teu.run(&format!("run --rm --network none busybox ping -c 1 -W 1 {address}")).code,
        0
    );
}

/// D4: through the machine to a server that knows nothing of the container's address.
#[test]
fn a_server_outside_sees_the_hosts_address() {
    let teu = Teu::with_busybox("nat").elsewhere();
    let mut outside = Outside::beside(&teu);
    outside.serve();
    let page = teu.ok("run --rm busybox sh -c 'echo | nc -w 10 198.51.100.2 80'");
    assert_eq!(page, "from 198.51.100.1", "the server must see the host, not the container");
}

/// D4: another program's firewall drops what is forwarded, as docker's does.
#[test]
fn a_forward_chain_that_drops_is_handled() {
    let teu = Teu::with_busybox("forward-drop").elsewhere();
    teu.place()
        .shell("iptables -P FORWARD DROP; iptables -N OTHERS; iptables -A FORWARD -j OTHERS");
    let mut outside = Outside::beside(&teu);
    outside.serve();
    let page = teu.ok("run --rm busybox sh -c 'echo | nc -w 10 198.51.100.2 80'");
    assert_eq!(page, "from 198.51.100.1");
    let rules = teu.place().shell("iptables -S");
    assert!(rules.contains("-P FORWARD DROP") && rules.contains("-A FORWARD -j OTHERS"), "{rules}");
    // And afterwards their rules are as they were.
    teu.ok("system reset --force");
    let rules = teu.place().shell("iptables -S FORWARD");
    assert_eq!(rules, "-P FORWARD DROP\n-A FORWARD -j OTHERS");
}

/// D4: the pool moves away from what is taken.
#[test]
fn the_pool_is_clear_of_every_route() {
    let teu = Teu::with_busybox("pool").elsewhere();
    teu.place().shell(
        "ip link add d0 type bridge; ip link set d0 up; ip route add 172.17.5.0/24 dev d0
         ip route add 172.18.0.0/15 dev d0",
    );
    teu.ok("run -d --name a busybox sleep 99");
    assert!(teu.address("a").starts_with("172.20.0."), "{}", teu.address("a"));
}

/// D4: the real one, in namespaces of its own.
#[test]
fn beside_a_running_dockerd() {
    let teu = Teu::with_busybox("dockerd").elsewhere();
    let mut outside = Outside::beside(&teu);
    outside.serve();
    let _dockerd = Dockerd::start(&teu);
    teu.ok("run -d --name a busybox sleep 99");
    assert!(!teu.address("a").starts_with("172.17."), "{}", teu.address("a"));
    let page = teu.ok("run --rm busybox sh -c 'echo | nc -w 10 198.51.100.2 80'");
    assert_eq!(page, "from 198.51.100.1");
}

#[test]
fn with_the_hosts_network_nothing_is_its_own() {
    let teu = Teu::with_busybox("host-network");
    let inside = teu.ok("run --rm --network host busybox readlink /proc/self/ns/net");
    assert_eq!(inside, fs::read_link("/proc/self/ns/net").unwrap().display().to_string());
    assert_eq!(teu.ok("run --rm --network host busybox hostname"), shell("hostname"));
}

#[test]
fn an_address_is_given_back() {
    let teu = Teu::with_busybox("addresses");
    let leases =
        || shell(&format!("find {} -path '*addresses/*' -name '[0-9]*'", teu.run_dir().display()));
    teu.ok("run --name a busybox true");
    assert_eq!(leases(), "");
    teu.ok("start a");
    teu.ok("wait a");
    until("it is given back", || leases().is_empty().then_some(()));
    until("the cable is gone", || {
        let interfaces = shell("ip -o link");
        (!interfaces.contains(&format!(" t{}", teu.id()))).then_some(())
    });
}

#[test]
fn name_servers_are_the_hosts_or_those_asked_for() {
    let teu = Teu::with_busybox("dns");
    let shown = teu.ok("run --rm busybox cat /etc/resolv.conf");
    assert!(
        shown.lines().any(|line| line.starts_with("nameserver ") && !line.contains(" 127.")),
        "{shown}"
    );
    let shown = teu.ok("run --rm --dns 192.0.2.1 --dns 192.0.2.2 busybox cat /etc/resolv.conf");
    assert!(shown.contains("nameserver 192.0.2.1\nnameserver 192.0.2.2"), "{shown}");
}

#[test]
fn docker_sysctls_of_a_containers_network() {
    let teu = Teu::with_busybox("sysctls");
    let paths = "/proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/net/ipv4/ping_group_range";
    assert_eq!(teu.ok(&format!("run --rm busybox cat {paths}")), "0\n0\t2147483647");
    // So that everybody may listen on 80.
    assert_eq!(teu.ok("run --rm -u user busybox sh -c 'httpd -p 80 && echo listens'"), "listens");
}

/// A machine at the other end of a cable from the test's place: 198.51.100.1 is there, .2 here.
struct Outside {
    place: Place,
    server: Option<Child>,
}

impl Outside {
    fn beside(teu: &Teu) -> Outside {
        let place = Place::new();
        teu.place().shell(&format!(
            "ip link add up0 type veth peer name down0 netns {}
             ip address add 198.51.100.1/24 dev up0; ip link set up0 up",
            place.pid()
        ));
        place.shell("ip address add 198.51.100.2/24 dev down0; ip link set down0 up");
        Outside { place, server: None }
    }

    /// Answers every request with the address it sees.
    fn serve(&mut self) {
        const SERVER: &str = r#"
            my $server = IO::Socket::INET->new(LocalAddr => "198.51.100.2:80", Listen => 5, ReuseAddr => 1) or die;
            while (my $client = $server->accept) {
                my $line = <$client>;
                print $client "from ", $client->peerhost;
                close $client;
            }"#;
        let enter = self.place.enter();
        let mut server = std::process::Command::new(&enter[0]);
        server.args(&enter[1..]).args(["perl", "-MIO::Socket::INET", "-e", SERVER]);
        self.server = Some(server.stdin(Stdio::null()).spawn().unwrap());
        until("it listens", || {
            self.place.shell("ss -ltn || true").contains("198.51.100.2:80").then_some(())
        });
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        // nsenter has become the server: what is killed is what listens.
        if let Some(mut server) = self.server.take() {
            server.kill().and_then(|()| server.wait()).expect("the server of a test ends");
        }
    }
}

/// A real dockerd in the place of a test, on a directory of its own.
struct Dockerd<'a> {
    teu: &'a Teu,
}

impl Dockerd<'_> {
    fn start(teu: &Teu) -> Dockerd<'_> {
        let at = teu.scratch().join("docker");
        let at = at.display();
        teu.place().shell(&format!(
            "mkdir -p {at}/run; mount -t tmpfs docker-test /var/lib/docker 2>/dev/null || true
             mount -t tmpfs run-test /var/run/docker 2>/dev/null || true
             setsid dockerd --data-root {at}/data --exec-root {at}/run --pidfile {at}/pid \
                -H unix://{at}/sock --storage-driver vfs >{at}/log 2>&1 </dev/null &"
        ));
        until("dockerd has its bridge and its socket", || {
            teu.place()
                .shell(&format!("test -S {at}/sock && ip -o link show docker0 || true"))
                .contains("docker0")
                .then_some(())
        });
        Dockerd { teu }
    }
}

impl Drop for Dockerd<'_> {
    fn drop(&mut self) {
        let at = self.teu.scratch().join("docker");
        self.teu.place().shell(&format!(
            "kill $(cat {0}/pid) || true; for i in $(seq 100); do test -e {0}/pid || break; sleep 0.1; done",
            at.display()
        ));
    }
}
