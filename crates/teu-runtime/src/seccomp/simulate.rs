//! Tests: the compiled program, interpreted as the kernel would, against the profile read plainly.

use super::arch::X32_BIT;
use super::compile::{
    AND, JUMP, JUMP_EQUAL, JUMP_GREATER, JUMP_GREATER_EQUAL, LOAD, RETURN, beyond, sign_cut,
};
use super::{
    Abi, Action, Comparison, Condition, Filter, Program, Rule, default_filter, default_profile,
    ints, table,
};
use crate::capability::{CapSet, Capability};
use std::collections::HashMap;
use teu_kernel::seccomp::Instruction;
use teu_oci::runtime::LinuxSeccomp;

/// `struct seccomp_data`, as far as filters look.
#[derive(Clone, Copy, Debug)]
struct Call {
    number: u32,
    audit: u32,
    args: [u64; 6],
}

impl Call {
    fn word(&self, offset: u32) -> u32 {
        match offset {
            0 => self.number,
            4 => self.audit,
            16..64 if offset.is_multiple_of(4) => {
                let arg = self.args[(offset as usize - 16) / 8];
                u32::try_from(arg >> (offset % 8 * 8) & 0xffff_ffff).unwrap()
            }
            _ => panic!("a load from {offset}"),
        }
    }
}

/// The answer, and how many instructions it took.
fn run(program: &[Instruction], call: &Call) -> (Action, usize) {
    let (mut at, mut value, mut steps) = (0, 0, 0);
    loop {
        let Instruction { code, jt, jf, k } = program[at];
        at += 1;
        steps += 1;
        let mut skip = |yes: bool| at += usize::from(if yes { jt } else { jf });
        match code {
            LOAD => value = call.word(k),
            AND => value &= k,
            JUMP => at += k as usize,
            JUMP_EQUAL => skip(value == k),
            JUMP_GREATER => skip(value > k),
            JUMP_GREATER_EQUAL => skip(value >= k),
            RETURN => return (Action(k), steps),
            _ => panic!("the instruction {code:#x}"),
        }
    }
}

/// A table of numbers, x32's own apart.
type Numbering = (Abi, bool);

/// The profile, read rule by rule.
struct Plain<'f> {
    filter: &'f Filter<'f>,
    /// The rules that name a number, and the number's name.
    rules: HashMap<(Numbering, u32), (&'f str, Vec<&'f Rule<'f>>)>,
    last: HashMap<Numbering, u32>,
}

impl<'f> Plain<'f> {
    fn new(filter: &'f Filter<'f>) -> Plain<'f> {
        let mut plain = Plain { filter, rules: HashMap::new(), last: HashMap::new() };
        for abi in filter.arches.abis.into_iter().flatten() {
            for rule in filter.rules.iter().filter(|rule| rule.abi.is_none_or(|only| only == abi)) {
                for name in &rule.names {
                    let own = table::x32_own(name).filter(|_| abi == Abi::X86_64);
                    let numbers = [(false, table::number(name, abi)), (true, own)];
                    for (own, number) in numbers {
                        let Some(number) = number else { continue };
                        let entry = plain.rules.entry(((abi, own), number));
                        entry.or_insert((name, vec![])).1.push(rule);
                        if number < 0xf_0000 {
                            let last = plain.last.entry((abi, own)).or_default();
                            *last = number.max(*last);
                        }
                    }
                }
            }
        }
        plain
    }

    fn answer(&self, call: &Call) -> Action {
        let filter = self.filter;
        let abis = filter.arches.abis.iter().flatten();
        let Some(abi) = abis.copied().find(|abi| abi.audit() == call.audit) else {
            return Action::KILL_PROCESS;
        };
        let is_x32 = abi == Abi::X86_64 && call.number >= X32_BIT;
        if is_x32 && !filter.arches.x32 {
            let skipped = call.number == u32::MAX;
            return if skipped { beyond(filter.default) } else { Action::KILL_PROCESS };
        }
        let number = if is_x32 { call.number & !X32_BIT } else { call.number };
        let table = (abi, is_x32 && number >= 512);
        let Some((name, rules)) = self.rules.get(&(table, number)) else {
            let known = self.last.get(&table).is_some_and(|last| number <= *last);
            return if known { filter.default } else { beyond(filter.default) };
        };
        if let Some(rule) = rules.iter().find(|rule| rule.conditions.is_empty()) {
            return rule.action;
        }
        let is_narrow =
            |index: u32| matches!(abi, Abi::X86 | Abi::Arm) || ints::is_int(name, index);
        let holds =
            |condition: &Condition| condition_holds(condition, is_narrow(condition.index), call);
        let first = rules.iter().find(|rule| rule.conditions.iter().all(holds));
        first.map_or(filter.default, |rule| rule.action)
    }
}

fn condition_holds(condition: &Condition, narrow: bool, call: &Call) -> bool {
    let mut arg = call.args[condition.index as usize];
    let Condition { mut value, value_two: mut two, .. } = *condition;
    if narrow {
        arg &= 0xffff_ffff;
        if condition.op == Comparison::MaskedEqual {
            value &= 0xffff_ffff;
            two &= 0xffff_ffff;
        } else {
            value = sign_cut(value);
        }
    }
    match condition.op {
        Comparison::NotEqual => arg != value,
        Comparison::Less => arg < value,
        Comparison::LessOrEqual => arg <= value,
        Comparison::Equal => arg == value,
        Comparison::GreaterOrEqual => arg >= value,
        Comparison::Greater => arg > value,
        Comparison::MaskedEqual => arg & value == two & value,
    }
}

const WORDS: [u64; 24] = [
    0,
    1,
    2,
    8,
    16,
    37,
    38,
    39,
    40,
    41,
    0x2_0000,
    0x2_0008,
    0x1000_0000,
    0x7e02_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x1_0000_0026,
    0x1_0000_0028,
    0x5_0000_0003,
    0x7fff_ffff_ffff_ffff,
    0xffff_ffff_8000_0000,
    u64::MAX,
];

/// Every number there is a name for, and its neighbours, in every convention.
fn numbers() -> Vec<u32> {
    let mut numbers: Vec<u32> = (0..1200).collect();
    numbers.extend(0x000e_fff0..0x000f_0010);
    numbers.extend([0x3fff_ffff, 0x7fff_ffff, 0x8000_0000, 0xbfff_ffff, 0xffff_fffe]);
    let x32: Vec<u32> = numbers.iter().map(|number| number | X32_BIT).collect();
    numbers.extend(x32);
    numbers.push(u32::MAX);
    numbers
}

#[track_caller]
fn check(filter: &Filter<'_>) -> Vec<Instruction> {
    let program = filter.compile().unwrap().instructions;
    let plain = Plain::new(filter);
    for abi in [Abi::X86_64, Abi::X86, Abi::Aarch64, Abi::Arm] {
        for number in numbers() {
            // Calls without conditions do not need every argument.
            let words = if number & 0xfff < 480 { &WORDS[..] } else { &WORDS[..1] };
            for word in words {
                let call = Call { number, audit: abi.audit(), args: [*word; 6] };
                let (got, steps) = run(&program, &call);
                assert_eq!(got, plain.answer(&call), "{abi:?} {call:x?}");
                assert!(steps < 40, "{steps} steps for {abi:?} {call:x?}");
            }
        }
    }
    program
}

#[test]
fn the_default_profile_means_what_it_says() {
    for caps in [
        CapSet::DEFAULT,
        CapSet::EMPTY,
        CapSet::ALL,
        CapSet::from_iter([Capability::SYS_ADMIN]),
        CapSet::from_iter([Capability::SYS_PTRACE, Capability::BPF]),
    ] {
        let mut filter = default_filter(caps);
        let length = check(&filter).len();
        assert!(length < 300, "{length} instructions");
        filter.arches.x32 = false;
        check(&filter);
        filter.arches = super::Arches::all_of(Abi::Aarch64);
        check(&filter);
    }
}

#[test]
fn a_bundle_says_the_same_as_the_table() {
    for caps in [CapSet::DEFAULT, CapSet::ALL] {
        let profile = default_profile(caps);
        let text = serde_json::to_string(&profile).unwrap();
        let profile: LinuxSeccomp = serde_json::from_str(&text).unwrap();
        let (ours, bundle) = (default_filter(caps), Filter::new(&profile).unwrap());
        assert_eq!(ours.compile().unwrap(), bundle.compile().unwrap());
    }
}

/// What docker's own profile answers, call by call.
#[test]
fn dockers_answers() {
    let program = default_filter(CapSet::DEFAULT).compile().unwrap().instructions;
    let answer = |abi: Abi, name: &str, args: [u64; 3]| {
        let args = [args[0], args[1], args[2], 0, 0, 0];
        let number = table::number(name, abi).unwrap();
        run(&program, &Call { number, audit: abi.audit(), args }).0
    };
    let (allowed, refused) = (Action::ALLOW, Action::errno(1));
    for (name, first, expected) in [
        ("read", 0, allowed),
        ("execve", 0, allowed),
        ("ptrace", 0, allowed),
        ("chroot", 0, allowed),
        ("clone", 0x0120_0011, allowed),
        ("clone", 0x1000_0000, refused),
        ("clone", 0x0002_0000, refused),
        ("clone", 0x1_1000_0000, refused),
        ("clone3", 0, Action::errno(38)),
        ("unshare", 0, refused),
        ("mount", 0, refused),
        ("fsconfig", 0, refused),
        ("bpf", 0, refused),
        ("keyctl", 0, refused),
        ("add_key", 0, refused),
        ("userfaultfd", 0, refused),
        ("io_uring_setup", 0, refused),
        ("kexec_load", 0, refused),
        ("open_by_handle_at", 0, refused),
        ("reboot", 0, refused),
        ("personality", 0xffff_ffff, allowed),
        ("personality", u64::MAX, allowed),
        ("personality", 0x0004_0000, refused),
        ("socket", 2, allowed),
        ("socket", 38, refused),
        ("socket", 40, refused),
        ("socket", 0x1_0000_0028, refused),
        ("socket", 0x1_0000_0026, refused),
        ("socket", 0x5_0000_0002, allowed),
        ("socket", 44, allowed),
        ("listns", 0, Action::errno(38)),
    ] {
        assert_eq!(answer(Abi::X86_64, name, [first, 0, 0]), expected, "{name}({first:#x})");
    }
    assert_eq!(answer(Abi::X86, "socketcall", [1, 0, 0]), refused);
    assert_eq!(answer(Abi::X86, "socketcall", [0x7_0000_0001, 0, 0]), refused);
    assert_eq!(answer(Abi::X86, "socketcall", [2, 0, 0]), allowed);
    assert_eq!(answer(Abi::X86, "socket", [40, 0, 0]), refused);
    let riscv = Call { number: 0, audit: 0xC000_00F3, args: [0; 6] };
    assert_eq!(run(&program, &riscv).0, Action::KILL_PROCESS);
}

fn rule(text: &str) -> String {
    format!(
        r#"{{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86_64","SCMP_ARCH_X86"],
           "syscalls":[{text}]}}"#
    )
}

#[test]
fn every_comparison_every_width() {
    let ops = ["NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"];
    for (name, index) in [("ioctl", 1), ("ioctl", 2), ("lseek", 1), ("socket", 0), ("clone", 0)] {
        for op in ops {
            for value in WORDS {
                let text = rule(&format!(
                    r#"{{"names":["{name}"],"action":"SCMP_ACT_ERRNO","errnoRet":7,
                    "args":[{{"index":{index},"value":{value},"valueTwo":8,"op":"SCMP_CMP_{op}"}}]}}"#
                ));
                let profile: LinuxSeccomp = serde_json::from_str(&text).unwrap();
                let filter = Filter::new(&profile).unwrap();
                let program = filter.compile().unwrap().instructions;
                let plain = Plain::new(&filter);
                for abi in [Abi::X86_64, Abi::X86] {
                    let number = table::number(name, abi).unwrap();
                    for word in WORDS {
                        let call = Call { number, audit: abi.audit(), args: [word; 6] };
                        let expected = plain.answer(&call);
                        let got = run(&program, &call).0;
                        assert_eq!(got, expected, "{name} {op} {value:#x}: {call:x?}");
                    }
                }
            }
        }
    }
}

#[test]
fn rules_beside_each_other() {
    let arg = |index: u32, value: u64, op: &str| {
        format!(r#"{{"index":{index},"value":{value},"op":"SCMP_CMP_{op}"}}"#)
    };
    let (one, two) = (arg(0, 2, "EQ"), arg(0, 8, "EQ"));
    for text in [
        // Both conditions.
        format!(
            r#"{{"names":["kill"],"action":"SCMP_ACT_TRAP","args":[{one},{}]}}"#,
            arg(1, 2, "GE")
        ),
        // Any of two for one argument.
        format!(r#"{{"names":["kill"],"action":"SCMP_ACT_LOG","args":[{one},{two}]}}"#),
        // First that holds; unconditional beats.
        format!(
            r#"{{"names":["kill","dup"],"action":"SCMP_ACT_KILL","args":[{one}]}},
               {{"names":["kill"],"action":"SCMP_ACT_TRACE","errnoRet":9,"args":[{}]}},
               {{"names":["dup","no_such_call"],"action":"SCMP_ACT_NOTIFY"}}"#,
            arg(0, 1, "GT")
        ),
    ] {
        let profile: LinuxSeccomp = serde_json::from_str(&rule(&text)).unwrap();
        check(&Filter::new(&profile).unwrap());
    }
}

#[test]
fn a_long_profile_reaches_its_answers() {
    // A different answer for every call: no two ranges join, and jumps get far.
    let rules: Vec<String> = table::names()
        .enumerate()
        .map(|(errno, name)| {
            format!(
                r#"{{"names":["{name}"],"action":"SCMP_ACT_ERRNO","errnoRet":{},
                "args":[{{"index":0,"value":4294967300,"op":"SCMP_CMP_GT"}}]}}"#,
                errno + 1
            )
        })
        .collect();
    let profile: LinuxSeccomp = serde_json::from_str(&rule(&rules.join(","))).unwrap();
    let result = Filter::new(&profile).unwrap().compile();
    match result {
        Ok(_) => {
            check(&Filter::new(&profile).unwrap());
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn refused_profiles() {
    for (text, expected) in [
        (
            r#"{"names":["a"],"action":"SCMP_ACT_ALLOW","args":[{"index":6,"value":0,"op":"SCMP_CMP_EQ"}]}"#,
            "condition on argument 6",
        ),
        (r#"{"names":["a"],"action":"SCMP_ACT_ERRNO","errnoRet":4096}"#, "errno above 4095"),
        (r#"{"names":["write"],"action":"SCMP_ACT_NOTIFY"}"#, "write system call"),
    ] {
        let profile: LinuxSeccomp = serde_json::from_str(&rule(text)).unwrap();
        let error = Filter::new(&profile).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_program_travels_as_text() {
    let program = default_filter(CapSet::DEFAULT).compile().unwrap();
    let text = serde_json::to_string(&program).unwrap();
    assert_eq!(serde_json::from_str::<Program>(&text).unwrap(), program);
    for bad in ["\"0\"", "\"\"", "\"zz\"", "\"000000000000\"", "7"] {
        assert!(serde_json::from_str::<Program>(bad).is_err(), "{bad}");
    }
}
