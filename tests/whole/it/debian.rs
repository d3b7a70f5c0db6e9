//! Real programs in a real distribution: servers, a package manager, another user.

use teu_testkit::Teu;
use teu_testkit::images::debian_directory;
use teu_testkit::teu::{shell, until};

#[test]
fn nginx_serves_a_page_by_the_containers_address() {
    let teu = Teu::with_debian("nginx");
    teu.ok("run -d --name web debian nginx -g 'daemon off;'");
    let page = format!("timeout 5 busybox wget -q -O - http://{}/ || true", teu.address("web"));
    let page = until("the page", || Some(shell(&page)).filter(|text| !text.is_empty()));
    assert!(page.contains("Welcome to nginx"), "{page}");
    assert_eq!(teu.ok("stop web"), "web");
    assert_eq!(teu.ok("inspect -f '{{.State.ExitCode}}' web"), "0");
}

#[test]
fn redis_keeps_its_data_over_stop_and_start() {
    let teu = Teu::with_debian("redis");
    let server =
        "redis-server --protected-mode no --bind 0.0.0.0 --dir /var/lib/redis --appendonly yes";
    teu.ok(&format!("run -d --name db -u redis debian {server}"));
    let ready = || {
        until("redis answers", || {
            (teu.run("exec db redis-cli ping").stdout == "PONG").then_some(())
        })
    };
    ready();
    assert_eq!(teu.ok("exec db redis-cli set key value"), "OK");
    teu.ok("stop db");
    teu.ok("start db");
    ready();
    assert_eq!(teu.ok("exec db redis-cli get key"), "value");
}

#[test]
fn postgresql_survives_sigkill() {
    let teu = Teu::with_debian("postgres");
    let bin = "/usr/lib/postgresql/15/bin";
    let script = format!(
        "test -e /var/lib/postgresql/d || {bin}/initdb -A trust -D /var/lib/postgresql/d >/dev/null; \
         exec {bin}/postgres -D /var/lib/postgresql/d -k /tmp"
    );
    teu.ok(&format!("run -d --name db -u postgres debian bash -c '{script}'"));
    let sql = |text: &str| {
        teu.run_words(&["exec", "db", "psql", "-h", "/tmp", "-At", "-c", text, "postgres"])
    };
    let ready = || until("PostgreSQL answers", || (sql("select 1").stdout == "1").then_some(()));
    ready();
    assert_eq!(teu.ok("exec db id -un"), "postgres");
    teu.ok("exec db pgbench -h /tmp -q -i -s 1 postgres");
    let done = teu.ok("exec db pgbench -h /tmp -n -c 2 -t 500 postgres");
    assert!(done.contains("number of transactions actually processed: 1000/1000"), "{done}");
    teu.ok("kill -s KILL db");
    assert_eq!(teu.ok("wait db"), "137");
    teu.ok("start db");
    ready();
    assert_eq!(sql("select count(*) from pgbench_history").stdout, "1000");
    assert_eq!(sql("select count(*) from pgbench_accounts").stdout, "100000");
    teu.ok("stop db");
}

#[test]
fn apt_get_installs_a_package() {
    let teu = Teu::with_debian("apt");
    let volume = format!("-v {}:/m:ro", debian_directory().display());
    let script = "apt-get install -y /m/hello.deb && cat /usr/share/teu-hello/greeting /usr/share/teu-hello/configured && dpkg -s teu-hello | grep Status";
    let done = teu.run_words(&[
        "run",
        "--name",
        "a",
        "--network",
        "none",
        "-v",
        volume.trim_start_matches("-v "),
        "debian",
        "bash",
        "-c",
        script,
    ]);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.stdout.ends_with("hello\nroot\nStatus: install ok installed"), "{done:?}");
    // And away again, in a second start of the same container's files.
    teu.ok("rm a");
}

#[test]
fn su_and_ping_work_for_ordinary_users() {
    let teu = Teu::with_debian("su");
    teu.ok("run -d --name peer debian sleep 99");
    let address = teu.address("peer");
    let script =
        format!("su -s /bin/bash -c \"id -un; ping -c 1 -W 5 {address} | grep -c ttl=\" www-data");
    let done = teu.run_words(&["run", "--rm", "debian", "bash", "-c", &script]);
    assert_eq!((done.code, done.stdout.as_str()), (0, "www-data\n1"), "{done:?}");
}

#[test]
fn strace_works_inside() {
    let teu = Teu::with_debian("ptrace");
    let shown = teu.run("run --rm --network none debian strace -f -e trace=execve true");
    assert_eq!(shown.code, 0, "{shown:?}");
    assert!(shown.stderr.contains("execve(\"/usr/bin/true\""), "{shown:?}");
}
