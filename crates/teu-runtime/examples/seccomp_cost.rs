//! What the default filter of system calls costs a start: to make, and to load.
#![expect(clippy::print_stdout, reason = "a measurement")]

use std::time::Instant;
use teu_runtime::capability::CapSet;
use teu_runtime::seccomp::{Program, default_filter, default_profile};

fn main() {
    let program = default_filter(CapSet::DEFAULT).compile().expect("the default compiles");
    println!("instructions: {}", program.instructions.len());
    let best = |what: &str, mut work: Box<dyn FnMut()>| {
        let mut times: Vec<_> = (0..200)
            .map(|_| {
                let start = Instant::now();
                work();
                start.elapsed()
            })
            .collect();
        times.sort();
        println!("{what}: minimum {:?}, median {:?}", times[0], times[100]);
    };
    best("table → BPF", Box::new(|| drop(default_filter(CapSet::DEFAULT).compile())));
    let profile = default_profile(CapSet::DEFAULT);
    best("bundle's words", Box::new(|| drop(default_profile(CapSet::DEFAULT))));
    best("bundle → BPF", Box::new(move || drop(Program::new(&profile))));
    let mut loads: Vec<_> = (0..200).map(|_| load(program.clone())).collect();
    loads.sort();
    println!("load: minimum {:?}, median {:?}", loads[0], loads[100]);
}

/// In a thread of its own: a filter stays.
fn load(program: Program) -> std::time::Duration {
    let thread = std::thread::spawn(move || {
        teu_kernel::capability::set_no_new_privs().expect("always allowed");
        let start = Instant::now();
        let loaded = teu_kernel::seccomp::set_filter(&program.instructions, program.flags);
        loaded.expect("the kernel takes it");
        start.elapsed()
    });
    thread.join().expect("the thread ends well")
}
