//! What a process is called and who may look into it: `prctl(2)`.

use std::ffi::CStr;
use std::io;

/// Whether others may trace this process, read its memory and dump its core (`PR_SET_DUMPABLE`).
/// Its files in /proc belong to root while they may not. exec switches it on again.
pub fn set_dumpable(dumpable: bool) -> io::Result<()> {
    prctl(libc::PR_SET_DUMPABLE, libc::c_ulong::from(dumpable))
}

/// The name that `ps` and `top` show, of which 15 bytes count (`PR_SET_NAME`).
pub fn set_name(name: &CStr) -> io::Result<()> {
    Ok(rustix::thread::set_name(name)?)
}

/// Where this process's arguments lie in its memory (`proc_pid_stat(5)`, fields 48 and 49).
pub fn argument_area() -> io::Result<(u64, u64)> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // The second field is the command's name in brackets, and may itself hold brackets and spaces.
    let after_name = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
    let mut fields = after_name.split(' ').skip(45).map(|field| field.trim().parse().ok());
    let area = fields.next().flatten().zip(fields.next().flatten());
    area.filter(|(start, end)| start < end).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Lets `/proc/PID/cmdline` show `text` in place of the arguments, as far as there is room; for a
/// copy of the process that asked for `area`, which uses its arguments no more. Allocates nothing.
///
/// Written through `/proc/self/mem`: `PR_SET_MM` would want CAP_SYS_RESOURCE.
pub fn set_command_line(area: (u64, u64), text: &[u8]) -> io::Result<()> {
    let flags = rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::CLOEXEC;
    let memory = rustix::fs::open(c"/proc/self/mem", flags, rustix::fs::Mode::empty())?;
    let mut at = area.0;
    let mut text = text.iter();
    while at < area.1 {
        let mut piece = [0; 256];
        let room = usize::try_from(area.1 - at).unwrap_or(piece.len()).min(piece.len());
        // The last byte stays zero: a longer text would otherwise run into the environment.
        let last = usize::from(area.1 - at <= 256);
        for (byte, of_text) in piece[..room - last].iter_mut().zip(&mut text) {
            *byte = *of_text;
        }
        at += rustix::io::pwrite(&memory, &piece[..room], at)? as u64;
    }
    Ok(())
}

/// Has the kernel send `signal` to the calling process when the thread that made it ends
/// (`PR_SET_PDEATHSIG`).
pub fn set_parent_death_signal(signal: i32) -> io::Result<()> {
    prctl(libc::PR_SET_PDEATHSIG, libc::c_ulong::try_from(signal).unwrap_or_default())
}

fn prctl(option: i32, value: libc::c_ulong) -> io::Result<()> {
    // SAFETY: the options used in this file take an integer.
    if unsafe { libc::prctl(option, value, 0, 0, 0) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[test]
fn a_process_can_name_itself() {
    use std::os::fd::AsFd;
    let area = argument_area().unwrap();
    let child = &mut || {
        set_command_line(area, b"some-name").unwrap();
        let shown = std::fs::read("/proc/self/cmdline").unwrap();
        u8::from(shown.starts_with(b"some-name\0") && shown[9..].iter().all(|byte| *byte == 0))
    };
    let (_, child) = crate::clone::clone3(&crate::clone::CloneArgs::default(), child).unwrap();
    assert_eq!(crate::wait::wait(child.as_fd()).unwrap(), crate::wait::Ended::Exited(1));
}
