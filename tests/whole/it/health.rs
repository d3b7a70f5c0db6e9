//! Health checks: how a container is asked, what is told, what follows.

use teu_testkit::Teu;
use teu_testkit::teu::until;

fn status(teu: &Teu) -> String {
    teu.ok("inspect -f '{{.State.Health.Status}} {{.State.Health.FailingStreak}}' a")
}

const FAST: &str = "--health-interval 100ms --health-timeout 5s --network none";

#[test]
fn a_command_says_whether_it_is_well() {
    let teu = Teu::with_busybox("health-command");
    teu.ok(&format!(
        "run -d --name a --health-cmd 'echo looked; test -e /well' --health-retries 2 {FAST} busybox sleep 99"
    ));
    assert!(teu.ok("ps --format '{{.Status}}'").contains("(health: starting)"));
    until("it is unhealthy", || status(&teu).starts_with("unhealthy").then_some(()));
    assert!(teu.ok("ps --format '{{.Status}}'").contains("(unhealthy)"));
    teu.ok("exec a touch /well");
    until("it is healthy", || (status(&teu) == "healthy 0").then_some(()));
    assert!(teu.ok("ps --format '{{.Status}}'").contains("(healthy)"));
    assert_eq!(teu.ok("ps --filter health=healthy --format '{{.Names}}'"), "a");
    assert_eq!(teu.ok("ps --filter health=unhealthy --format '{{.Names}}'"), "");
    until("five results", || {
        let log =
            teu.ok("inspect -f '{{range .State.Health.Log}}{{.ExitCode}}{{.Output}}{{end}}' a");
        (log.replace('\n', "") == "0looked".repeat(5)).then_some(())
    });
    let test = teu.ok("inspect -f '{{json .Config.Healthcheck.Test}}' a");
    assert_eq!(test, r#"["CMD-SHELL","echo looked; test -e /well"]"#);
    let events = teu.ok("events --since 1h --until 0s --format '{{.Action}}'");
    let told: Vec<&str> = events.lines().filter(|line| line.starts_with("health_status")).collect();
    assert_eq!(told, ["health_status: unhealthy", "health_status: healthy"]);
    teu.ok("stop -t 0 a");
    assert!(status(&teu).starts_with("unhealthy"), "as docker: nobody looks any more");
}

#[test]
fn a_port_and_a_page_need_no_process() {
    let teu = Teu::with_busybox("health-port");
    let serve = "sh -c 'mkdir -p /www; echo hello >/www/page; httpd -p 8080 -h /www; sleep 99'";
    for (flag, good) in [
        ("--health-tcp 8080", true),
        ("--health-tcp 8081", false),
        ("--health-http http://localhost:8080/page", true),
        ("--health-http http://localhost:8080/none", false),
    ] {
        teu.ok(&format!("run -d --name a {flag} --health-retries 3 {FAST} busybox {serve}"));
        let wanted = if good { "healthy 0" } else { "unhealthy" };
        until(flag, || status(&teu).starts_with(wanted).then_some(()));
        teu.ok("rm -f a");
    }
    let told = teu.fails(125, "run --health-http http://elsewhere/ busybox true");
    assert!(told.contains("its host is localhost"), "{told}");
}

#[test]
fn what_follows_on_a_failure() {
    let teu = Teu::with_busybox("health-follows");
    let run = |what: &str| {
        teu.ok(&format!(
            "run -d --name a --health-cmd false --health-retries 2 --health-on-failure {what} {FAST} busybox sleep 99"
        ));
    };
    run("kill");
    assert_eq!(teu.ok("wait a"), "137");
    let told = teu.ok("why a");
    assert!(told.starts_with("a was killed because its health check failed."), "{told}");
    teu.ok("rm a");
    run("restart");
    let pid = teu.pid("a");
    until("it runs again", || {
        let now = teu.ok("inspect -f '{{.State.Pid}}' a");
        (now != "0" && now != pid.to_string()).then_some(())
    });
    teu.ok("rm -f a");
    run("none");
    until("it is unhealthy", || status(&teu).starts_with("unhealthy").then_some(()));
    assert_eq!(teu.ok("inspect -f '{{.State.Status}}' a"), "running");
    teu.ok("rm -f a");
    let init = "--init --restart always --health-on-failure stop";
    teu.ok(&format!(
        "run -d --name a --health-cmd false --health-retries 1 {init} {FAST} busybox sleep 99"
    ));
    until("it is stopped", || {
        (teu.ok("inspect -f '{{.State.Status}}' a") == "exited").then_some(())
    });
}

#[test]
fn a_check_may_take_too_long_or_begin_too_early() {
    let teu = Teu::with_busybox("health-times");
    let flags = "--health-timeout 300ms --health-interval 100ms --health-retries 1 --network none";
    teu.ok(&format!("run -d --name a --health-cmd 'sleep 60' {flags} busybox sleep 99"));
    until("it took too long", || status(&teu).starts_with("unhealthy").then_some(()));
    let log = teu.ok("inspect -f '{{(index .State.Health.Log 0).ExitCode}} {{(index .State.Health.Log 0).Output}}' a");
    assert_eq!(log, "-1 Health check exceeded timeout (0.3s)");
    teu.ok("rm -f a");
    let flags = "--health-start-period 60s --health-start-interval 100ms --health-retries 1";
    teu.ok(&format!(
        "run -d --name a --health-cmd 'test -e /up' {flags} --network none busybox sleep 99"
    ));
    until("some checks", || {
        (teu.ok("inspect -f '{{len .State.Health.Log}}' a") == "3").then_some(())
    });
    assert_eq!(status(&teu), "starting 0", "failures do not count yet");
    teu.ok("exec a touch /up");
    until("it is well", || (status(&teu) == "healthy 0").then_some(()));
    teu.ok("rm -f a");
    teu.ok("run -d --name a --no-healthcheck --network none busybox sleep 99");
    assert_eq!(teu.ok("ps --filter health=none --format '{{.Names}}'"), "a");
    let told = teu.fails(125, "run --no-healthcheck --health-cmd true busybox true");
    assert!(told.contains("--no-healthcheck conflicts with --health-* options"), "{told}");
}

#[test]
fn it_goes_on_when_the_monitor_was_killed() {
    let teu = Teu::with_busybox("health-monitor");
    teu.ok(&format!("run -d --name a --health-cmd true {FAST} busybox sleep 99"));
    until("it is healthy", || (status(&teu) == "healthy 0").then_some(()));
    teu_testkit::teu::shell(&format!("kill -KILL $(ps -o ppid= -p {})", teu.pid("a")));
    teu.ok("exec a sh -c 'exit 0'");
    until("it is healthy again", || (status(&teu) == "healthy 0").then_some(()));
}
