//! Terminals: raw mode, window size, the two ends of a pseudoterminal. `termios(3)`, `ioctl_tty(2)`, `pty(7)`.

use rustix::termios::{OptionalActions, Termios, Winsize};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

/// Whether `fd` is a terminal.
pub fn is_tty(fd: BorrowedFd<'_>) -> bool {
    rustix::termios::isatty(fd)
}

/// Rows and columns of the window.
pub fn size(terminal: BorrowedFd<'_>) -> io::Result<(u16, u16)> {
    let size = rustix::termios::tcgetwinsize(terminal)?;
    Ok((size.ws_row, size.ws_col))
}

/// Gives the terminal the size `rows` × `columns`; whoever runs in its foreground gets SIGWINCH.
pub fn set_size(terminal: BorrowedFd<'_>, rows: u16, columns: u16) -> io::Result<()> {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    Ok(rustix::termios::tcsetwinsize(terminal, size)?)
}

/// The other end of a pseudoterminal, by its master (`TIOCGPTPEER`, Linux 4.13), which works whatever
/// mounts the caller sees. It does not become anybody's controlling terminal.
pub fn open_peer(master: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    use rustix::pty::OpenptFlags;
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    Ok(rustix::pty::ioctl_tiocgptpeer(master, flags)?)
}

/// A new pseudoterminal of this mount namespace's /dev/pts: its master, unlocked.
pub fn open_master() -> io::Result<OwnedFd> {
    use rustix::pty::OpenptFlags;
    let master =
        rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    rustix::pty::unlockpt(&master)?;
    Ok(master)
}

/// A new pseudoterminal of the devpts that `devpts` is the root of: its master, unlocked. No name is
/// looked up but `ptmx` right there, and nothing is allocated.
pub fn open_master_of(devpts: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let within = crate::child_fs::Within::SameMount;
    let master = crate::child_fs::open_terminal(devpts, c"ptmx", within)?;
    rustix::pty::unlockpt(&master)?;
    Ok(master)
}

/// A terminal that hands every byte on as typed (`cfmakeraw`). Dropped, it is as it was before.
#[derive(Debug)]
pub struct RawMode {
    terminal: OwnedFd,
    before: Termios,
}

impl RawMode {
    /// Puts `terminal` into raw mode.
    pub fn enter(terminal: BorrowedFd<'_>) -> io::Result<RawMode> {
        let terminal = rustix::io::fcntl_dupfd_cloexec(terminal, 3)?;
        let before = rustix::termios::tcgetattr(&terminal)?;
        let mut raw = before.clone();
        raw.make_raw();
        rustix::termios::tcsetattr(&terminal, OptionalActions::Drain, &raw)?;
        Ok(RawMode { terminal, before })
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // A terminal that is gone needs no mode.
        rustix::termios::tcsetattr(&self.terminal, OptionalActions::Drain, &self.before)
            .unwrap_or(());
    }
}

#[test]
fn size_and_mode_go_through_either_end() {
    use std::os::fd::AsFd;
    let master = open_master().unwrap();
    let peer = open_peer(master.as_fd()).unwrap();
    assert!(is_tty(peer.as_fd()));
    set_size(master.as_fd(), 33, 111).unwrap();
    assert_eq!(size(peer.as_fd()).unwrap(), (33, 111));
    let echoes = |peer: &OwnedFd| {
        let modes = rustix::termios::tcgetattr(peer).unwrap().local_modes;
        modes.contains(rustix::termios::LocalModes::ECHO)
    };
    let raw = RawMode::enter(peer.as_fd()).unwrap();
    assert!(!echoes(&peer));
    drop(raw);
    assert!(echoes(&peer));
}
