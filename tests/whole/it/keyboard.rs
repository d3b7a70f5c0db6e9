//! At the keyboard: what may come next, and manual pages.

use teu_testkit::Teu;

#[test]
fn completions_know_verbs_flags_and_what_is_there_now() {
    let teu = Teu::with_busybox("completion");
    teu.ok("create --name web-1 --network none busybox true");
    teu.ok("create --name db --network none busybox true");
    let next = |words: &[&str]| {
        let words: Vec<&str> = ["__complete"].iter().chain(words).copied().collect();
        let done = teu.run_words(&words);
        assert_eq!(done.code, 0, "{done:?}");
        done.stdout.lines().map(String::from).collect::<Vec<_>>()
    };
    assert_eq!(next(&["re"]), ["rename", "restart"]);
    assert_eq!(
        next(&["run", "--mem"]),
        ["--memory", "--memory-reservation", "--memory-swap", "--memory-swappiness"]
    );
    let root = teu.root().display().to_string();
    assert_eq!(next(&["--root", &root, "rm", ""]), ["db", "web-1"]);
    assert_eq!(next(&["--root", &root, "container", "logs", "w"]), ["web-1"]);
    assert_eq!(next(&["--root", &root, "run", "-it", "bu"]), ["busybox:latest"]);
    assert!(next(&["container", "l"]).contains(&"ls".to_string()));
    assert!(next(&["image", "prune", "--dry"]).contains(&"--dry-run".to_string()));
    for (shell, part) in
        [("bash", "complete -o default"), ("zsh", "#compdef teu"), ("fish", "complete -c teu")]
    {
        assert!(teu.ok(&format!("completion {shell}")).contains(part));
    }
    teu.fails(1, "completion tcsh");
}

#[test]
fn every_verb_has_a_manual_page() {
    let teu = Teu::new("man");
    let overview = teu.ok("man");
    let verbs: Vec<&str> = overview
        .lines()
        .filter_map(|line| line.strip_prefix(".B "))
        .filter(|word| word.len() < 12)
        .collect();
    assert!(verbs.contains(&"ps") && verbs.len() > 30, "{overview}");
    let page = teu.ok("man ps");
    assert!(
        page.starts_with(".TH TEU\\-PS 1") && page.contains("\\fB\\-a, \\-\\-all\\fR"),
        "{page}"
    );
    assert!(teu.ok("man system df").starts_with(".TH TEU\\-SYSTEM\\-DF 1"));
    teu.fails(1, "man nonsense");
}
