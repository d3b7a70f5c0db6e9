//! As much of `elf(5)` as tells where a program runs and what it needs. Hostile input: every number is
//! checked, every list bounded.

use std::fs::File;
use std::os::unix::fs::FileExt;

/// `e_machine`, with the byte order and width that go with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Machine {
    number: u16,
    wide: bool,
    little: bool,
}

const X86_64: u16 = 62;
const I386: u16 = 3;
const AARCH64: u16 = 183;
const ARM: u16 = 40;

impl Machine {
    pub const HERE: Machine = Machine {
        number: if cfg!(target_arch = "aarch64") { AARCH64 } else { X86_64 },
        wide: true,
        little: true,
    };

    /// The machine's own programs, and its 32-bit ones.
    pub fn runs_here(self) -> bool {
        self.little
            && match self.number {
                X86_64 => Machine::HERE.number == X86_64,
                I386 => Machine::HERE.number == X86_64 && !self.wide,
                AARCH64 => Machine::HERE.number == AARCH64,
                ARM => Machine::HERE.number == AARCH64 && !self.wide,
                _ => false,
            }
    }

    /// As `uname -m` and `file` say it.
    pub fn kernel_name(self) -> &'static str {
        match self.name() {
            "amd64" => "x86_64",
            "386" => "i386",
            "arm64" => "aarch64",
            other => other,
        }
    }

    /// As platforms are spelled.
    pub fn name(self) -> &'static str {
        match (self.number, self.little) {
            (X86_64, _) => "amd64",
            (I386, _) => "386",
            (AARCH64, _) => "arm64",
            (ARM, _) => "arm",
            (243, _) => "riscv64",
            (21, true) => "ppc64le",
            (21, false) => "ppc64",
            (22, _) => "s390x",
            (8, _) => "mips",
            (258, _) => "loong64",
            _ => "another processor",
        }
    }
}

/// What a program or library says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Elf {
    pub machine: Machine,
    /// The loader it asks for.
    pub interpreter: Option<String>,
    /// Libraries it needs, by name.
    pub needed: Vec<String>,
    /// Where it says they are: RUNPATH, else RPATH.
    pub search: Vec<String>,
}

const HEADERS_MAX: u16 = 128;
const DYNAMIC_MAX: usize = 64 << 10;
const STRING_MAX: usize = 4096;
const NEEDED_MAX: usize = 512;

const LOAD: u32 = 1;
const DYNAMIC: u32 = 2;
const INTERP: u32 = 3;
const DT_NEEDED: u64 = 1;
const DT_STRTAB: u64 = 5;
const DT_RPATH: u64 = 15;
const DT_RUNPATH: u64 = 29;

/// A part of the file, as a program header tells it.
struct Segment {
    kind: u32,
    offset: u64,
    address: u64,
    size: u64,
}

struct Reader {
    file: File,
    machine: Machine,
}

impl Elf {
    /// `None` where it is not well formed.
    pub fn read(file: File) -> Option<Elf> {
        let mut ident = [0; 20];
        file.read_exact_at(&mut ident, 0).ok()?;
        if !ident.starts_with(b"\x7fELF") || !matches!((ident[4], ident[5]), (1 | 2, 1 | 2)) {
            return None;
        }
        let (wide, little) = (ident[4] == 2, ident[5] == 1);
        let number = if little {
            u16::from_le_bytes([ident[18], ident[19]])
        } else {
            u16::from_be_bytes([ident[18], ident[19]])
        };
        let machine = Machine { number, wide, little };
        let mut elf = Elf { machine, interpreter: None, needed: vec![], search: vec![] };
        if !machine.runs_here() {
            return Some(elf);
        }
        let reader = Reader { file, machine };
        let segments = reader.segments()?;
        if let Some(segment) = segments.iter().find(|segment| segment.kind == INTERP) {
            elf.interpreter = Some(reader.string(segment.offset)?);
        }
        reader.dynamic(&segments, &mut elf)?;
        Some(elf)
    }
}

impl Reader {
    fn number(&self, at: u64, bytes: usize) -> Option<u64> {
        let mut buffer = [0; 8];
        self.file.read_exact_at(&mut buffer[..bytes], at).ok()?;
        Some(u64::from_le_bytes(buffer))
    }

    /// A field whose place and size depend on the width: `(at, bytes)` for 64 and for 32 bits.
    fn field(&self, base: u64, wide: (u64, usize), narrow: (u64, usize)) -> Option<u64> {
        let (at, bytes) = if self.machine.wide { wide } else { narrow };
        self.number(base.checked_add(at)?, bytes)
    }

    fn segments(&self) -> Option<Vec<Segment>> {
        let start = self.field(0, (32, 8), (28, 4))?;
        let size = self.field(0, (54, 2), (42, 2))?;
        let count = self.field(0, (56, 2), (44, 2))?;
        let least = if self.machine.wide { 56 } else { 32 };
        if count > u64::from(HEADERS_MAX) || size < least {
            return None;
        }
        (0..count)
            .map(|index| {
                let base = start.checked_add(index * size)?;
                Some(Segment {
                    kind: u32::try_from(self.number(base, 4)?).ok()?,
                    offset: self.field(base, (8, 8), (4, 4))?,
                    address: self.field(base, (16, 8), (8, 4))?,
                    size: self.field(base, (32, 8), (16, 4))?,
                })
            })
            .collect()
    }

    fn dynamic(&self, segments: &[Segment], elf: &mut Elf) -> Option<()> {
        let Some(dynamic) = segments.iter().find(|segment| segment.kind == DYNAMIC) else {
            return Some(());
        };
        let length = usize::try_from(dynamic.size).ok()?.min(DYNAMIC_MAX);
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, dynamic.offset).ok()?;
        let half = if self.machine.wide { 8 } else { 4 };
        let word =
            |bytes: &[u8]| bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        let entries: Vec<(u64, u64)> = bytes
            .chunks_exact(2 * half)
            .map(|entry| (word(&entry[..half]), word(&entry[half..])))
            .take_while(|(tag, _)| *tag != 0)
            .collect();
        let value = |tag: u64| entries.iter().find(|(t, _)| *t == tag).map(|(_, value)| *value);
        let Some(strings) = value(DT_STRTAB) else { return Some(()) };
        let segment = segments.iter().find(|segment| {
            let end = segment.address.saturating_add(segment.size);
            segment.kind == LOAD && (segment.address..end).contains(&strings)
        })?;
        let strings = segment.offset.checked_add(strings - segment.address)?;
        let string = |value: u64| self.string(strings.checked_add(value)?);
        let needed = entries.iter().filter(|(tag, _)| *tag == DT_NEEDED).take(NEEDED_MAX);
        elf.needed = needed.map(|(_, value)| string(*value)).collect::<Option<_>>()?;
        if let Some(search) = value(DT_RUNPATH).or_else(|| value(DT_RPATH)) {
            elf.search = string(search)?.split(':').take(64).map(str::to_string).collect();
        }
        Some(())
    }

    fn string(&self, at: u64) -> Option<String> {
        let mut bytes = vec![0; STRING_MAX];
        let length = self.file.read_at(&mut bytes, at).ok()?;
        let end = bytes[..length].iter().position(|byte| *byte == 0)?;
        bytes.truncate(end);
        String::from_utf8(bytes).ok()
    }
}
