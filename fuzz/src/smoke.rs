//! Mutations of the corpus, without libFuzzer: half a second for each target.
//!
//! `TEU_FUZZ_SEED=N` repeats a run; the seed is printed, and so is where an input that fails is kept.
#![expect(clippy::print_stdout, reason = "a failure must be repeatable")]

use crate::TARGETS;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// For all targets together some ten seconds on two cores.
const TIME_PER_TARGET: Duration = Duration::from_millis(900);
/// No input of this size is worth this long, on a machine with other work, too.
const TIME_PER_INPUT_MAX: Duration = Duration::from_secs(10);
const INPUT_SIZE_MAX: usize = 256 << 10;

/// xorshift64*: the same numbers for the same seed everywhere.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.next() % end).unwrap_or(0)
    }
}

/// What parsers stumble over.
const WORDS: &[&[u8]] = &[
    b"",
    b"\0",
    b"\n",
    b"\r\n",
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"=",
    b"/",
    b"..",
    b"../",
    b"%",
    b"-1",
    b"0",
    b"18446744073709551616",
    b"4294967296",
    b"2147483648",
    b"1e309",
    b"null",
    b"true",
    b"\xff\xff\xff\xff",
    b"\x80\0\0\0",
    b"\xef\xbb\xbf",
    b"\xe2\x80\xae",
    b"\\u0000",
    b"\\ud800",
    b"#!",
    b"\x7fELF",
    b"[[[[[[[[[[[[[[[[",
    b"{\"a\":{\"a\":{\"a\":",
];

fn mutate(input: &mut Vec<u8>, other: &[u8], numbers: &mut Numbers) {
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(input.len() + 1);
        let end = at + numbers.below((input.len() - at).min(512) + 1);
        match numbers.below(9) {
            0 => input.truncate(at),
            1 => drop(input.drain(at..end)),
            2 => {
                let word = WORDS[numbers.below(WORDS.len())];
                drop(input.splice(at..end, word.iter().copied()));
            }
            3 => {
                let word = WORDS[numbers.below(WORDS.len())];
                drop(input.splice(at..at, word.iter().copied()));
            }
            4 => {
                let copy = input[at..end].repeat(1 + numbers.below(20));
                drop(input.splice(at..at, copy));
            }
            5 => {
                let from = numbers.below(other.len() + 1);
                let upto = from + numbers.below(other.len() - from + 1);
                drop(input.splice(at..end, other[from..upto].iter().copied()));
            }
            kind => {
                if let Some(byte) = input.get_mut(at) {
                    let bits = numbers.next().to_le_bytes();
                    *byte = match kind {
                        6 => bits[0],
                        7 => *byte ^ (1 << (bits[0] % 8)),
                        _ => byte.wrapping_add(bits[0] % 3).wrapping_sub(1),
                    };
                }
            }
        }
    }
    input.truncate(INPUT_SIZE_MAX);
}

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let entries = fs::read_dir(&directory).unwrap_or_else(|error| panic!("{directory:?}: {error}"));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    // The order of a directory is its file system's.
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

fn seed() -> u64 {
    let given = std::env::var("TEU_FUZZ_SEED").ok().and_then(|text| text.parse().ok());
    let clock = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |time| time.as_secs());
    given.unwrap_or_else(clock)
}

fn smoke(name: &str) {
    let (_, target) = TARGETS.iter().find(|(named, _)| *named == name).unwrap();
    let corpus = corpus(name);
    assert!(corpus.len() >= 2, "{name} has no corpus");
    let (seed, started) = (seed(), Instant::now());
    println!("TEU_FUZZ_SEED={seed}");
    let run = |input: &[u8]| {
        let began = Instant::now();
        let end = catch_unwind(AssertUnwindSafe(|| target(input)));
        let slow = began.elapsed() > TIME_PER_INPUT_MAX;
        if end.is_err() || slow {
            let file = std::env::temp_dir().join(format!("teu-fuzz-{name}-{seed}"));
            fs::write(&file, input).unwrap();
            println!("{name}: slow: {slow}, {} bytes in {}", input.len(), file.display());
        }
        end.unwrap_or_else(|panic| resume_unwind(panic));
        assert!(!slow, "{name}: {:?} for one input", began.elapsed());
    };
    corpus.iter().for_each(|input| run(input));
    let mut count = 0_u64;
    while started.elapsed() < TIME_PER_TARGET {
        // Each input has numbers of its own: the n-th is the same however far a run comes.
        let mut numbers =
            Numbers((seed.wrapping_add(count) | 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut input = corpus[numbers.below(corpus.len())].clone();
        let other = &corpus[numbers.below(corpus.len())];
        mutate(&mut input, other, &mut numbers);
        run(&input);
        count += 1;
    }
    println!("{name}: {count} inputs");
}

macro_rules! tests {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            smoke(stringify!($name));
        })*

        #[test]
        fn every_target_has_its_test_and_its_file() {
            let tested = [$(stringify!($name)),*];
            let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz_targets");
            for (name, _) in TARGETS {
                assert!(tested.contains(name), "{name} has no test");
                assert!(directory.join(format!("{name}.rs")).exists(), "{name} has no file");
            }
            assert_eq!(fs::read_dir(&directory).unwrap().count(), TARGETS.len());
        }
    };
}

tests! {
    archive challenges config_toml dbus dns docker_config image_config layer_index log_entry manifest
    monitor_frame mountinfo netlink passwd program reference resolv_conf runtime_config
    seccomp_profile tar
}
