//! A filter as rules → a filter as BPF.
//!
//! ```text
//!            load arch
//!   x86_64? ─┬─ load number ── x32 bit? ── clear it ── ≥ 512? ── tree of x32's own numbers
//!            │                    └────────────────────────┴── tree over x86_64's numbers
//!   i386?   ─┼─ load number ── tree over i386's numbers
//!   other   ─┴─ end the process
//! ```
//! A tree is a binary search over ranges of numbers that have one answer: with docker's profile
//! some 8 comparisons for any call, where a list has hundreds. Its leaves are answers, or a chain of
//! comparisons of arguments.
//!
//! Code is made from its end to its beginning, because BPF jumps forwards only: whatever is jumped
//! to is already there, and its distance is known.
//!
//! x32 shares x86_64's tree: a 64-bit number with x32's bit either means the same call or none.

use super::arch::{Abi, X32_BIT};
use super::{Action, Comparison, Condition, Filter, Rule, SeccompError, ints, table};
use teu_kernel::seccomp::{INSTRUCTIONS_MAX, Instruction};

/// The first of x32's own numbers.
const X32_OWN_FIRST: u32 = 512;
/// ARM's private calls lie far above all others.
const ARM_PRIVATE: u32 = 0x000f_0000;

/// The program for `filter`.
pub(super) fn compile(filter: &Filter<'_>) -> Result<Vec<Instruction>, SeccompError> {
    let mut code = Code::default();
    let named = named(filter);
    let abis = filter.arches.abis;
    let blocks = abis.map(|abi| abi.map(|abi| (abi, block(&mut code, filter, &named, abi))));
    let mut next = Target::Answer(Action::KILL_PROCESS);
    for (abi, block) in blocks.into_iter().flatten().rev() {
        next = Target::At(code.jump(JUMP_EQUAL, abi.audit(), block, next));
    }
    let _ = code.push(LOAD, 0, 0, OFFSET_ARCH);
    if code.reversed.len() > INSTRUCTIONS_MAX {
        return Err(SeccompError::TooLong { instructions: code.reversed.len() });
    }
    code.reversed.reverse();
    Ok(code.reversed)
}

/// All for one table of numbers, from "load number" on.
fn block(code: &mut Code, filter: &Filter<'_>, named: &[Named<'_>], abi: Abi) -> Target {
    let answers = Answers::new(named, abi, |row| row.number(abi));
    let beyond = beyond(filter.default);
    let mut entry = tree_over(code, filter, abi, &answers, beyond);
    if abi == Abi::X86_64 {
        let x32 = if filter.arches.x32 {
            let own = Answers::new(named, abi, table::Row::x32_own);
            let own = tree_over(code, filter, abi, &own, beyond);
            code.jump(JUMP_GREATER_EQUAL, X32_OWN_FIRST, own, entry);
            Target::At(code.push(AND, 0, 0, !X32_BIT))
        } else {
            // −1 is no x32 number: a tracer writes it to skip a call.
            let minus_one = Target::Answer(beyond);
            let kill = Target::Answer(Action::KILL_PROCESS);
            Target::At(code.jump(JUMP_EQUAL, u32::MAX, minus_one, kill))
        };
        entry = Target::At(code.jump(JUMP_GREATER_EQUAL, X32_BIT, x32, entry));
    }
    code.load_before(entry, OFFSET_NUMBER)
}

/// The answer to numbers above all that the profile's author knew. "No such call" rather than the
/// refusal: a C library then tries an older one (runc does the same).
pub(super) fn beyond(default: Action) -> Action {
    if default.is_refusal() { Action::errno(NO_SUCH_CALL) } else { default }
}

const NO_SUCH_CALL: u16 = 38;

/// A call as a rule names it, found in the table.
struct Named<'f> {
    row: table::Row,
    rule: &'f Rule<'f>,
}

/// Every name of every rule that this program knows, in the rules' order.
fn named<'f>(filter: &'f Filter<'f>) -> Vec<Named<'f>> {
    let mut named = Vec::with_capacity(512);
    for rule in &filter.rules {
        let rows = rule.names.iter().filter_map(|name| table::find(name));
        named.extend(rows.map(|row| Named { row, rule }));
    }
    named
}

/// What the numbers of one table get.
struct Answers<'f> {
    /// Number, and one of the rules that name it: sorted by number, then in the rules' order.
    list: Vec<(u32, &'f Named<'f>)>,
    /// The highest number that any rule names.
    last: Option<u32>,
}

impl<'f> Answers<'f> {
    fn new(
        named: &'f [Named<'f>],
        abi: Abi,
        number: impl Fn(table::Row) -> Option<u32>,
    ) -> Answers<'f> {
        let here = named.iter().filter(|named| named.rule.abi.is_none_or(|only| only == abi));
        let mut list: Vec<_> = here.filter_map(|named| Some((number(named.row)?, named))).collect();
        list.sort_by_key(|(number, _)| *number);
        let last = list.iter().map(|(number, _)| *number).filter(|n| *n < ARM_PRIVATE).max();
        Answers { list, last }
    }
}

/// The tree over all 2³² numbers: answers where they are, the default in between, `beyond` after the
/// last.
fn tree_over(
    code: &mut Code,
    filter: &Filter<'_>,
    abi: Abi,
    answers: &Answers<'_>,
    beyond: Action,
) -> Target {
    let mut ranges: Vec<(u32, Target)> = Vec::with_capacity(128);
    let mut add = |start: u32, target: Target| {
        if ranges.last().is_none_or(|(_, before)| *before != target) {
            ranges.push((start, target));
        }
    };
    let last = answers.last;
    let rest =
        |next: u32| if last.is_none_or(|last| next > last) { beyond } else { filter.default };
    let mut next = 0;
    for answer in answers.list.chunk_by(|(one, _), (other, _)| one == other) {
        let number = answer[0].0;
        if number > next {
            add(next, Target::Answer(rest(next)));
        }
        add(number, leaf(code, filter.default, abi, answer));
        next = number + 1;
    }
    add(next, Target::Answer(rest(next)));
    code.tree(&ranges)
}

/// The answer, or the beginning of the comparisons that lead to it: a rule without conditions beats
/// those with; else the first that holds.
fn leaf(code: &mut Code, default: Action, abi: Abi, answer: &[(u32, &Named<'_>)]) -> Target {
    let rules = || answer.iter().map(|(_, named)| named.rule);
    if let Some(rule) = rules().find(|rule| rule.conditions.is_empty()) {
        return Target::Answer(rule.action);
    }
    let name = answer[0].1.row.name();
    let mut otherwise = Target::Answer(default);
    for rule in rules().rev() {
        let mut holds = Target::Answer(rule.action);
        for condition in rule.conditions.iter().rev() {
            let narrow = !abi.is_wide() || ints::is_int(name, condition.index);
            holds = code.compare(condition, narrow, holds, otherwise);
        }
        otherwise = holds;
    }
    otherwise
}

/// Where a jump leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Answer(Action),
    /// Place in the reversed code.
    At(usize),
}

#[derive(Default)]
struct Code {
    /// Last instruction first.
    reversed: Vec<Instruction>,
    /// The nearest `return` of each action.
    returns: Vec<(Action, usize)>,
}

pub(super) const LOAD: u16 = 0x20;
pub(super) const JUMP: u16 = 0x05;
pub(super) const JUMP_EQUAL: u16 = 0x15;
pub(super) const JUMP_GREATER: u16 = 0x25;
pub(super) const JUMP_GREATER_EQUAL: u16 = 0x35;
pub(super) const AND: u16 = 0x54;
pub(super) const RETURN: u16 = 0x06;
const OFFSET_NUMBER: u32 = 0;
const OFFSET_ARCH: u32 = 4;
const OFFSET_ARGS: u32 = 16;
/// A conditional jump has 8 bits for its distance; up to two instructions may come between.
const FAR: usize = 250;

impl Code {
    fn push(&mut self, code: u16, jt: u8, jf: u8, k: u32) -> usize {
        self.reversed.push(Instruction { code, jt, jf, k });
        self.reversed.len() - 1
    }

    /// `if number <op> k then yes else no`.
    fn jump(&mut self, op: u16, k: u32, yes: Target, no: Target) -> usize {
        let yes = self.within_reach(yes);
        let no = self.within_reach(no);
        let here = self.reversed.len();
        let distance = |place: usize| u8::try_from(here - place - 1).unwrap_or(u8::MAX);
        debug_assert!(here - yes <= 256 && here - no <= 256);
        self.push(op, distance(yes), distance(no), k)
    }

    /// A place that the next conditional jump reaches and that leads to `target`.
    fn within_reach(&mut self, target: Target) -> usize {
        let near = |place: usize, here: usize| here - place < FAR;
        let here = self.reversed.len();
        match target {
            Target::At(place) if near(place, here) => place,
            Target::At(place) => {
                let distance = u32::try_from(here - place - 1).unwrap_or(u32::MAX);
                self.push(JUMP, 0, 0, distance)
            }
            Target::Answer(action) => {
                let known = self.returns.iter().position(|(known, _)| *known == action);
                if let Some(known) = known
                    && near(self.returns[known].1, here)
                {
                    return self.returns[known].1;
                }
                let place = self.push(RETURN, 0, 0, action.0);
                match known {
                    Some(known) => self.returns[known].1 = place,
                    None => self.returns.push((action, place)),
                }
                place
            }
        }
    }

    /// Loads a word, then goes on at `target`.
    fn load_before(&mut self, target: Target, offset: u32) -> Target {
        let place = match target {
            Target::Answer(_) => self.within_reach(target),
            Target::At(place) => place,
        };
        if place + 1 != self.reversed.len() {
            let distance = u32::try_from(self.reversed.len() - place - 1).unwrap_or(u32::MAX);
            self.push(JUMP, 0, 0, distance);
        }
        Target::At(self.push(LOAD, 0, 0, offset))
    }

    /// Binary search: each range begins at its number and ends before the next one's.
    fn tree(&mut self, ranges: &[(u32, Target)]) -> Target {
        match ranges {
            [] => Target::Answer(Action::KILL_PROCESS),
            [(_, target)] => *target,
            _ => {
                let (left, right) = ranges.split_at(ranges.len() / 2);
                let (above, below) = (self.tree(right), self.tree(left));
                Target::At(self.jump(JUMP_GREATER_EQUAL, right[0].0, above, below))
            }
        }
    }

    /// Compares one argument. `narrow`: only its lower half is anything the kernel looks at.
    fn compare(&mut self, condition: &Condition, narrow: bool, yes: Target, no: Target) -> Target {
        use Comparison::{
            Equal, Greater, GreaterOrEqual, Less, LessOrEqual, MaskedEqual, NotEqual,
        };
        let value = if narrow { sign_cut(condition.value) } else { condition.value };
        match condition.op {
            NotEqual => self.equal(condition, u64::MAX, value, narrow, no, yes),
            Equal => self.equal(condition, u64::MAX, value, narrow, yes, no),
            MaskedEqual => {
                let (mask, wanted) = (condition.value, condition.value_two);
                self.equal(condition, mask, wanted & mask, narrow, yes, no)
            }
            Greater => self.order(condition, JUMP_GREATER, value, narrow, yes, no),
            GreaterOrEqual => self.order(condition, JUMP_GREATER_EQUAL, value, narrow, yes, no),
            Less => self.order(condition, JUMP_GREATER_EQUAL, value, narrow, no, yes),
            LessOrEqual => self.order(condition, JUMP_GREATER, value, narrow, no, yes),
        }
    }

    fn equal(
        &mut self,
        condition: &Condition,
        mask: u64,
        value: u64,
        narrow: bool,
        yes: Target,
        no: Target,
    ) -> Target {
        let ((mask_high, mask_low), (high, low)) = (halves(mask), halves(value));
        let mask_high = if narrow { 0 } else { mask_high };
        if mask_high == 0 && high != 0 {
            // Where only 32 bits count, the upper half of a mask asks for nothing.
            if condition.op != Comparison::MaskedEqual {
                return no;
            }
        }
        let lower = self.equal_half(condition.offset(), mask_low, low, yes, no);
        if mask_high == 0 {
            return lower;
        }
        self.equal_half(condition.offset() + 4, mask_high, high, lower, no)
    }

    fn equal_half(&mut self, at: u32, mask: u32, value: u32, yes: Target, no: Target) -> Target {
        self.jump(JUMP_EQUAL, value, yes, no);
        if mask != u32::MAX {
            self.push(AND, 0, 0, mask);
        }
        Target::At(self.push(LOAD, 0, 0, at))
    }

    /// `argument > value` or `>=`, by the comparison `op` of the lower half.
    fn order(
        &mut self,
        condition: &Condition,
        op: u16,
        value: u64,
        narrow: bool,
        yes: Target,
        no: Target,
    ) -> Target {
        let (high, low) = halves(value);
        if narrow && high != 0 {
            return no;
        }
        self.jump(op, low, yes, no);
        let lower = Target::At(self.push(LOAD, 0, 0, condition.offset()));
        if narrow {
            return lower;
        }
        let equal = Target::At(self.jump(JUMP_EQUAL, high, lower, no));
        self.jump(JUMP_GREATER, high, yes, equal);
        Target::At(self.push(LOAD, 0, 0, condition.offset() + 4))
    }
}

impl Condition {
    fn offset(&self) -> u32 {
        OFFSET_ARGS + 8 * self.index
    }
}

/// −1 written as 64 bits means −1 as 32 bits.
pub(super) fn sign_cut(value: u64) -> u64 {
    if value >= 0xffff_ffff_8000_0000 { value & 0xffff_ffff } else { value }
}

#[expect(clippy::cast_possible_truncation, reason = "that is what a half is")]
fn halves(value: u64) -> (u32, u32) {
    ((value >> 32) as u32, value as u32)
}
