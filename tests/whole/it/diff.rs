//! `diff`: what a container changed, without what was mounted in it.

use teu_testkit::Teu;
use teu_testkit::teu::until;

/// R5
#[test]
fn a_fresh_container_differs_in_nothing() {
    let teu = Teu::with_busybox("diff-fresh");
    teu.ok("create --name a busybox true");
    assert_eq!(teu.ok("diff a"), "");
    teu.ok("start a");
    assert_eq!(teu.ok("wait a"), "0");
    assert_eq!(teu.ok("diff a"), "");
    teu.ok("run -d --name b busybox sleep 99");
    assert_eq!(teu.ok("diff b"), "");
    let told = teu.fails(1, "diff nobody");
    assert!(told.contains("No such container: nobody"), "{told}");
}

/// R5: as docker shows it, and in the order of names.
#[test]
fn what_was_added_changed_and_deleted() {
    let teu = Teu::with_busybox("diff-acd");
    let script = "echo x >>/etc/passwd; mkdir /new; echo y >/new/f; rm /bin/vi; rm -r /var; mkdir /var; \
        echo z >/var/z; chmod 700 /home; echo x >>/etc/hosts; ln -s a /link; mkfifo /tmp/p; touch /tmp/gone; rm /tmp/gone";
    teu.run_words(&["run", "--name", "a", "--network", "none", "busybox", "sh", "-c", script]);
    let expected = "C /bin\nD /bin/vi\nC /etc\nC /etc/passwd\nC /home\nA /link\nA /new\nA /new/f\n\
        C /tmp\nA /tmp/p\nC /var\nD /var/www\nA /var/z";
    assert_eq!(teu.ok("diff a"), expected);
    // Asking changes nothing.
    assert_eq!(teu.ok("diff a"), expected);
}

#[test]
fn what_lies_on_mounts_is_not_the_containers() {
    let teu = Teu::with_busybox("diff-mounts");
    let host = teu.scratch().join("host");
    std::fs::create_dir(&host).unwrap();
    teu.ok(&format!(
        "run --name a --network none -v {}:/deep/er/place -v /etc/hostname:/etc/one-file --tmpfs /mem busybox \
         sh -c 'echo x >/deep/er/place/x; echo x >/mem/x; echo x >/etc/resolv.conf'",
        host.display()
    ));
    assert_eq!(teu.ok("diff a"), "");
    assert!(host.join("x").exists());
}

#[test]
fn a_running_container_is_read_beneath_its_root() {
    let teu = Teu::with_busybox("diff-running");
    teu.ok("run -d --name a --network none busybox sh -c 'echo x >/one; sleep 99'");
    until("it has written", || (teu.ok("diff a") == "A /one").then_some(()));
    teu.ok("exec a sh -c 'rm -r /var; mkdir -p /var/www; echo y >/var/www/y'");
    assert_eq!(teu.ok("diff a"), "A /one\nC /var\nC /var/www\nA /var/www/y");
    teu.ok("exec a rm /one");
    assert_eq!(teu.ok("exec a cat /var/www/y"), "y");
}
