//! Device rules → an eBPF program that answers 1 (allowed) or 0 for each access.
//!
//! The kernel calls it with `struct bpf_cgroup_dev_ctx { access << 16 | type, major, minor }`. The
//! program loads these four once, then tries the exceptions one after the other; each is at most nine
//! instructions whose jumps go to the next one.

use crate::devices::{DeviceRules, Kind, MKNOD, Nodes, READ, WRITE};
use teu_kernel::bpf::Insn;

/// Registers and what they hold throughout.
const RESULT: u8 = 0;
const SCRATCH: u8 = 1;
const KIND: u8 = 2;
const ACCESS: u8 = 3;
const MAJOR: u8 = 4;
const MINOR: u8 = 5;

const BLOCK: i32 = 1;
const CHAR: i32 = 2;

// Class, operation and operand source of the instructions used: linux/bpf_common.h.
const LOAD_WORD: u8 = 0x61;
const MOVE_REGISTER: u8 = 0xbc;
const MOVE: u8 = 0xb4;
const AND: u8 = 0x54;
const SHIFT_RIGHT: u8 = 0x74;
const JUMP_IF_NOT: u8 = 0x56;
const JUMP_IF: u8 = 0x16;
const EXIT: u8 = 0x95;

/// The whole program.
pub(crate) fn assemble(rules: &DeviceRules) -> Vec<Insn> {
    let context = 1 << 4;
    let mut program = vec![
        Insn { code: LOAD_WORD, registers: KIND | context, offset: 0, immediate: 0 },
        Insn { code: MOVE_REGISTER, registers: ACCESS | KIND << 4, offset: 0, immediate: 0 },
        constant(AND, KIND, 0xffff),
        constant(SHIFT_RIGHT, ACCESS, 16),
        Insn { code: LOAD_WORD, registers: MAJOR | context, offset: 4, immediate: 0 },
        Insn { code: LOAD_WORD, registers: MINOR | context, offset: 8, immediate: 0 },
    ];
    for (nodes, bits) in &rules.exceptions {
        program.extend(exception(nodes, *bits, rules.allow));
    }
    program.extend(answer(rules.allow));
    program
}

fn exception(nodes: &Nodes, bits: u8, allowed_otherwise: bool) -> Vec<Insn> {
    let kind = match nodes.kind {
        Kind::Block => BLOCK,
        Kind::Char => CHAR,
    };
    let mut block = vec![constant(JUMP_IF_NOT, KIND, kind)];
    let all = MKNOD | READ | WRITE;
    if bits != all {
        block.push(Insn {
            code: MOVE_REGISTER,
            registers: SCRATCH | ACCESS << 4,
            offset: 0,
            immediate: 0,
        });
        if allowed_otherwise {
            // Denied if any of what is wanted is denied.
            block.push(constant(AND, SCRATCH, i32::from(bits)));
            block.push(constant(JUMP_IF, SCRATCH, 0));
        } else {
            // Allowed if all of it is allowed.
            block.push(constant(AND, SCRATCH, i32::from(all & !bits)));
            block.push(constant(JUMP_IF_NOT, SCRATCH, 0));
        }
    }
    for (register, number) in [(MAJOR, nodes.major), (MINOR, nodes.minor)] {
        if let Some(number) = number {
            block.push(constant(JUMP_IF_NOT, register, number.cast_signed()));
        }
    }
    block.extend(answer(!allowed_otherwise));
    let length = block.len();
    for (at, instruction) in block.iter_mut().enumerate() {
        if matches!(instruction.code, JUMP_IF | JUMP_IF_NOT) {
            // A jump is counted from the instruction after it; a block has nine at most.
            instruction.offset = i16::try_from(length - at - 1).unwrap_or(i16::MAX);
        }
    }
    block
}

fn answer(allow: bool) -> [Insn; 2] {
    [constant(MOVE, RESULT, i32::from(allow)), constant(EXIT, 0, 0)]
}

fn constant(code: u8, register: u8, immediate: i32) -> Insn {
    Insn { code, registers: register, offset: 0, immediate }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::default_device_rules;
    use crate::devices::tests::rules;

    /// What the kernel's interpreter would answer.
    fn run(program: &[Insn], kind: i32, access: u8, major: u32, minor: u32) -> u32 {
        let mut registers = [0u32; 6];
        let context = [kind.cast_unsigned() | u32::from(access) << 16, major, minor];
        let mut at = 0;
        loop {
            let one = program[at];
            let target = usize::from(one.registers & 15);
            let source = registers.get(usize::from(one.registers >> 4)).copied().unwrap_or(0);
            let immediate = one.immediate.cast_unsigned();
            at += 1;
            match one.code {
                LOAD_WORD => registers[target] = context[usize::try_from(one.offset).unwrap() / 4],
                MOVE_REGISTER => registers[target] = source,
                MOVE => registers[target] = immediate,
                AND => registers[target] &= immediate,
                SHIFT_RIGHT => registers[target] >>= immediate,
                JUMP_IF_NOT if registers[target] != immediate => {
                    at += usize::try_from(one.offset).unwrap()
                }
                JUMP_IF if registers[target] == immediate => {
                    at += usize::try_from(one.offset).unwrap()
                }
                JUMP_IF | JUMP_IF_NOT => {}
                EXIT => return registers[0],
                other => panic!("unknown instruction {other:#x}"),
            }
        }
    }

    #[test]
    fn answers() {
        let check = |text: &str, wanted: (i32, u8, u32, u32), expect: bool| {
            let (kind, access, major, minor) = wanted;
            let program = assemble(&rules(text));
            assert_eq!(
                run(&program, kind, access, major, minor),
                u32::from(expect),
                "{text} {wanted:?}"
            );
        };
        check("-a", (CHAR, READ, 1, 3), false);
        check("+a", (CHAR, READ, 1, 3), true);
        let few = "-a;+c *:* m;+c 1:3 rw;+b 8:* r";
        check(few, (CHAR, READ | WRITE, 1, 3), true);
        check(few, (CHAR, MKNOD, 1, 3), true);
        check(few, (CHAR, READ, 1, 5), false);
        check(few, (CHAR, MKNOD, 9, 9), true);
        check(few, (BLOCK, MKNOD, 9, 9), false);
        check(few, (BLOCK, READ, 8, 17), true);
        check(few, (BLOCK, READ | WRITE, 8, 17), false);
        let all_but = "+a;-c 1:3 w";
        check(all_but, (CHAR, READ, 1, 3), true);
        check(all_but, (CHAR, READ | WRITE, 1, 3), false);
        check(all_but, (CHAR, WRITE, 1, 4), true);
        check("-a;+c 4294967295:0 r", (CHAR, READ, u32::MAX, 0), true);
    }

    #[test]
    fn program_is_short_and_as_it_was() {
        let rules = DeviceRules::of(&default_device_rules()).unwrap().unwrap();
        let program = assemble(&rules);
        assert!(program.len() < 80, "{}", program.len());
        let dump: Vec<String> = assemble(&crate::devices::tests::rules("-a;+c 1:3 rw"))
            .iter()
            .map(|i| format!("{:02x} {:02x} {:+} {}", i.code, i.registers, i.offset, i.immediate))
            .collect();
        assert_eq!(
            dump.join("\n"),
            "61 12 +0 0\nbc 23 +0 0\n54 02 +0 65535\n74 03 +0 16\n61 14 +4 0\n61 15 +8 0\n\
             56 02 +7 2\nbc 31 +0 0\n54 01 +0 1\n56 01 +4 0\n56 04 +3 1\n56 05 +2 3\n\
             b4 00 +0 1\n95 00 +0 0\nb4 00 +0 0\n95 00 +0 0"
        );
    }
}
