//! What is remembered of a container that was removed: why it ended, and what it wrote last.

use teu_testkit::Teu;
use teu_testkit::teu::until;

#[test]
fn a_removed_one_is_remembered_for_a_while() {
    let teu = Teu::with_busybox("remembered");
    teu.fails(4, "run --rm --name a --network none busybox sh -c 'echo bye; exit 4'");
    assert_eq!(teu.ok("ps -aq"), "");
    let told = teu.ok("why a");
    assert!(told.starts_with("a ended by itself, with 4."), "{told}");
    assert!(told.contains("bye") && told.contains("removed"), "{told}");
    assert_eq!(teu.ok("logs a"), "bye");
    teu.ok("run -d --name b --network none busybox sh -c 'echo here; sleep 99'");
    until("it wrote", || (teu.ok("logs b") == "here").then_some(()));
    teu.ok("rm -f b");
    assert!(teu.ok("why b").starts_with("b was ended by `teu rm`"));
    assert_eq!(teu.ok("logs b"), "here");
    teu.fails(1, "why nobody");
    teu.fails(1, "logs nobody");
    // Prune forgets what fits its filters.
    teu.ok("container prune -f --filter label=nobody-has-it");
    assert_eq!(teu.ok("logs b"), "here");
    teu.ok("container prune -f");
    teu.fails(1, "logs b");
    // Not for ever, and not all; nor what a command left half made.
    let half = teu.run_dir().join("ended/.half");
    std::fs::create_dir(&half).unwrap();
    teu_testkit::teu::shell(&format!("touch -d '2 minutes ago' {}", half.display()));
    for n in 0..36 {
        teu.ok(&format!("run --rm --name c{n} --network none busybox true"));
    }
    assert!(!half.exists());
    let kept = std::fs::read_dir(teu.run_dir().join("ended")).unwrap().count();
    assert!((30..=33).contains(&kept), "{kept}");
}
