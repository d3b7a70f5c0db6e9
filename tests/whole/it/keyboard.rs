//! At the keyboard: what may come next, manual pages, tables on a narrow screen, and what is waited for.

use std::os::unix::fs::symlink;
use std::process::Command;
use teu_testkit::teu::finish;
use teu_testkit::{Teu, Tty};

/// What may stand in the last word's place.
fn next(teu: &Teu, words: &[&str]) -> Vec<String> {
    let root = teu.root().display().to_string();
    let words: Vec<&str> =
        ["__complete", "--root", &root].into_iter().chain(words.to_vec()).collect();
    let done = teu.run_words(&words);
    assert_eq!(done.code, 0, "{done:?}");
    done.stdout.lines().map(String::from).collect()
}

#[test]
fn completions_know_verbs_flags_and_what_is_there_now() {
    let teu = Teu::with_busybox("completion");
    teu.ok("create --name web-1 --network none -v data:/d busybox true");
    teu.ok("run -d --name db --network none busybox sleep 99");
    let next = |words: &[&str]| next(&teu, words);
    assert_eq!(next(&["re"]), ["rename", "restart"]);
    assert_eq!(
        next(&["run", "--mem"]),
        ["--memory", "--memory-reservation", "--memory-swap", "--memory-swappiness"]
    );
    assert_eq!(next(&["rm", ""]), ["db", "web-1"]);
    assert_eq!(next(&["rm", "-f", "db", ""]), ["web-1"], "not twice");
    // Only what the verb can do something with.
    assert_eq!(next(&["stop", ""]), ["db"]);
    assert_eq!(next(&["start", ""]), ["web-1"]);
    assert_eq!(next(&["unpause", ""]), Vec::<String>::new());
    assert_eq!(next(&["container", "logs", "w"]), ["web-1"]);
    assert_eq!(next(&["container", "logs", "--tail", ""]), Vec::<String>::new());
    assert_eq!(next(&["cp", "d"]), ["db:"]);
    assert_eq!(next(&["inspect", ""]), ["busybox:latest", "db", "web-1"]);
    // Values of flags, and the words after them.
    assert_eq!(next(&["run", "-it", "--name", "x", "bu"]), ["busybox:latest"]);
    assert_eq!(next(&["run", "--pull", ""]), ["always", "missing", "never"]);
    assert_eq!(
        next(&["run", "--network=container:"]),
        ["--network=container:db", "--network=container:web-1"]
    );
    assert_eq!(next(&["run", "-v", ""]), ["data:"]);
    assert_eq!(next(&["run", "busybox", ""]), Vec::<String>::new(), "the program's own words");
    assert_eq!(next(&["exec", "db", "-"]), Vec::<String>::new(), "the program's own words");
    assert_eq!(next(&["volume", "rm", ""]), ["data"]);
    assert_eq!(next(&["volume", "im"]), ["import"]);
    assert!(next(&["image", "prune", "--dry"]).contains(&"--dry-run".to_string()));
    teu.fails(1, "completion tcsh");
}

/// What `program -c script` shows, with `teu` in PATH and this state root.
fn shell(teu: &Teu, program: &str, script: &str) -> String {
    let bin = teu.scratch().join("bin");
    if !bin.exists() {
        std::fs::create_dir(&bin).unwrap();
        symlink(Teu::binary(), bin.join("teu")).unwrap();
    }
    let mut command = Command::new(program);
    command.args(["-c", script]).env("TEU_ROOT", teu.root()).env("HOME", teu.scratch());
    command.env("PATH", format!("{}:/usr/bin:/bin", bin.display()));
    let done = finish(&mut command, &[program.to_string()]);
    assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{done:?}");
    done.stdout
}

#[test]
fn in_bash() {
    let teu = Teu::with_busybox("in-bash");
    teu.ok("create --name web-1 --network none busybox true");
    let typed = |line: &str| {
        let words = line.split(' ').count() - 1;
        let script = format!(
            "source <(teu completion bash); COMP_LINE='{line}'; COMP_POINT=${{#COMP_LINE}}
             COMP_WORDS=({line}); COMP_CWORD={words}; _teu; echo \"${{COMPREPLY[*]}}\"; complete -p teu"
        );
        let shown = shell(&teu, "bash", &script);
        let (found, kept) = shown.split_once('\n').unwrap();
        assert_eq!(kept, "complete -o bashdefault -o default -F _teu teu");
        found.to_string()
    };
    assert_eq!(typed("teu ren"), "rename");
    assert_eq!(typed("teu rm "), "web-1");
    assert_eq!(typed("teu run --name x -it busy"), "busybox:latest");
    // What bash takes for a word of its own.
    assert_eq!(typed("teu run busybox:la"), "latest");
    assert_eq!(typed("teu run --pull=ne"), "never");
    assert_eq!(typed("teu run --network container:w"), "web-1");
    assert_eq!(typed("teu nonsense "), "");
}

#[test]
fn in_zsh() {
    let teu = Teu::with_busybox("in-zsh");
    teu.ok("create --name web-1 --network none busybox true");
    let typed = |words: &str| {
        let script = format!(
            "autoload -U compinit; compinit -D -u; source <(teu completion zsh)
             compadd() {{ print -r -- \"$@\" }}; _files() {{ print files }}
             words=({words}); CURRENT=${{#words}}; print \"$_comps[teu]\"; _teu"
        );
        let shown = shell(&teu, "zsh", &script);
        shown.strip_prefix("_teu\n").unwrap_or(&shown).to_string()
    };
    assert_eq!(typed("teu ren"), "-- rename");
    assert_eq!(typed("teu rm ''"), "-- web-1");
    assert_eq!(typed("teu cp web"), "-S  -- web-1:");
    assert_eq!(typed("teu run busybox ''"), "files");
}

#[test]
fn in_fish() {
    let teu = Teu::with_busybox("in-fish");
    teu.ok("create --name web-1 --network none busybox true");
    let typed = |line: &str| {
        shell(&teu, "fish", &format!("teu completion fish | source; complete -C '{line}'"))
    };
    assert_eq!(typed("teu ren"), "rename");
    assert_eq!(typed("teu rm web"), "web-1");
    assert_eq!(typed("teu run --pull ne"), "never");
}

#[test]
fn every_verb_has_a_manual_page() {
    let teu = Teu::new("man");
    let commands = |page: &str| -> Vec<String> {
        let listed = page.split_once(".SH COMMANDS\n").unwrap().1.split(".SH").next().unwrap();
        listed.lines().filter_map(|line| line.strip_prefix(".B ")).map(String::from).collect()
    };
    let overview = teu.ok("man");
    let mut pages = vec![overview.clone()];
    let verbs = commands(&overview);
    assert!(verbs.len() > 40 && verbs.contains(&"volume".to_string()), "{verbs:?}");
    for verb in verbs {
        let page = teu.ok(&format!("man {verb}"));
        assert!(page.starts_with(&format!(".TH TEU\\-{} 1", verb.to_uppercase())), "{page}");
        if page.contains(".SH COMMANDS") {
            let inner = commands(&page);
            pages.extend(inner.iter().map(|inner| teu.ok(&format!("man {verb} {inner}"))));
        }
        pages.push(page);
    }
    let files: Vec<String> = pages
        .iter()
        .enumerate()
        .map(|(at, page)| {
            let file = teu.scratch().join(format!("{at}.1"));
            std::fs::write(&file, page.to_owned() + "\n").unwrap();
            file.display().to_string()
        })
        .collect();
    // Whatever the formatter knows to complain of.
    let mut render = Command::new("groff");
    render.args(["-ww", "-z", "-man", "-Tutf8"]).args(&files);
    let done = finish(&mut render, &["groff".to_string()]);
    assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{done:?}");
    let mut man = Command::new("man");
    man.args(["--warnings=w", "-l", &files[1]]).env("MANWIDTH", "100").env("LC_ALL", "C.UTF-8");
    let done = finish(&mut man, &["man".to_string()]);
    assert_eq!(done.stderr, "");
    for part in ["teu-run - Create and run", "SYNOPSIS", "-m, --memory bytes", "EXAMPLES"] {
        assert!(done.stdout.contains(part), "{part}: {}", done.stdout);
    }
    teu.fails(1, "man nonsense");
}

/// What a terminal of 80 columns shows.
fn on_a_terminal(teu: &Teu, line: &str, colours: bool) -> String {
    let words = teu_testkit::teu::words(line);
    let mut command = teu.command(&words);
    if !colours {
        command.env("NO_COLOR", "1");
    }
    let mut terminal = Tty::spawn(&command, 24, 80);
    terminal.end();
    terminal.rest()
}

#[test]
fn a_table_fits_the_terminal() {
    let teu = Teu::with_busybox("narrow");
    teu.ok("tag busybox registry.example.org/some/long/repository:and-a-tag");
    teu.ok("create --name a-name-that-stays --network none registry.example.org/some/long/repository:and-a-tag sleep 100000000");
    let shown = on_a_terminal(&teu, "ps -a", true);
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines.len() == 2, "{shown}");
    for line in &lines {
        assert!(line.trim_end().chars().count() <= 80, "{shown}");
    }
    assert!(lines[1].contains("registry.…") && lines[1].contains("a-name-that-stays"), "{shown}");
    let whole = on_a_terminal(&teu, "ps -a --no-trunc", true);
    assert!(whole.contains("registry.example.org/some/long/repository:and-a-tag"), "{whole}");
    // Who reads it by a program gets all.
    assert!(teu.ok("ps -a").contains("registry.example.org/some/long/repository:and-a-tag"));
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let teu = Teu::new("colours");
    assert!(on_a_terminal(&teu, "rmm", true).contains("\x1b[1;31mteu:\x1b[0m unknown command"));
    let shown = on_a_terminal(&teu, "rmm", false);
    assert!(shown.contains("teu: unknown command") && !shown.contains('\x1b'), "{shown:?}");
    assert!(!teu.run("rmm").stderr.contains('\x1b'));
}

#[test]
fn stop_says_what_it_waits_for() {
    let teu = Teu::with_busybox("stop-waits");
    teu.ok("run -d --name a --network none busybox sleep 99");
    let shown = on_a_terminal(&teu, "stop -t 2 a", true);
    let told = "a: waiting for its end by SIGTERM, SIGKILL in 1 s (it has no handler";
    assert!(shown.contains(told), "{shown:?}");
    // Gone again when it has ended.
    assert!(shown.trim_end().ends_with("\r\x1b[2Ka"), "{shown:?}");
    teu.ok("start a");
    let done = teu.run("stop -t 1 a");
    assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("a", ""));
}
