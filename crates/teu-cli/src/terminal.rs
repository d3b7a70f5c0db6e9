//! The user's terminal: whether there is one, how large it is, and which signals go through.

use crate::exit_code::Failure;
use std::os::fd::AsFd;
use teu_kernel::libc;
use teu_kernel::signal::Signals;
use teu_kernel::tty;

/// Whether standard input is a terminal.
pub fn stdin_is_terminal() -> bool {
    tty::is_tty(std::io::stdin().as_fd())
}

/// Whether standard output is one.
pub fn stdout_is_terminal() -> bool {
    tty::is_tty(std::io::stdout().as_fd())
}

/// Whether standard error is one.
pub fn stderr_is_terminal() -> bool {
    tty::is_tty(std::io::stderr().as_fd())
}

/// Whether colours may be shown there: `NO_COLOR` (no-color.org) and a dumb terminal say no.
pub fn stderr_has_colours() -> bool {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    stderr_is_terminal() && set("NO_COLOR").is_none() && !is_dumb()
}

/// Whether the terminal takes no commands.
pub fn is_dumb() -> bool {
    std::env::var_os("TERM").is_none_or(|term| term == "dumb")
}

/// Columns of standard output, where it is a terminal.
pub fn stdout_width() -> Option<usize> {
    let (_, columns) = tty::size(std::io::stdout().as_fd()).ok()?;
    (columns > 0).then_some(columns.into())
}

/// Columns of standard error, where it is a terminal.
pub fn stderr_width() -> Option<usize> {
    let (_, columns) = tty::size(std::io::stderr().as_fd()).ok()?;
    (columns > 0).then_some(columns.into())
}

/// Columns and rows, asked before the start so that the first paint is right.
pub fn size() -> Option<(u16, u16)> {
    let (stdout, stdin) = (std::io::stdout(), std::io::stdin());
    [stdout.as_fd(), stdin.as_fd()].into_iter().find_map(|fd| {
        let (rows, columns) = tty::size(fd).ok()?;
        (rows > 0 && columns > 0).then_some((columns, rows))
    })
}

/// Docker's words, where a terminal is asked for and standard input is none.
pub fn check(tty: bool, stdin: bool) -> Result<(), Failure> {
    if tty && stdin && !stdin_is_terminal() {
        let hint = "leave -t away: -i alone passes standard input through";
        return Err(Failure::new("the input device is not a TTY").hint(hint));
    }
    Ok(())
}

/// What a user or a supervisor sends to a command and means for the container. Not those that stop and
/// continue: they are for the command.
const HANDED_ON: [i32; 8] = [
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGTERM,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGALRM,
    libc::SIGPWR,
];

/// From now on signals are read, not struck by. `proxy`: those of the user are handed on.
pub fn take_signals(proxy: bool) -> Result<Signals, Failure> {
    let mut signals = vec![libc::SIGWINCH];
    if proxy {
        signals.extend(HANDED_ON);
    }
    Signals::take(&signals).map_err(|error| Failure::new("cannot take signals").because(error))
}
