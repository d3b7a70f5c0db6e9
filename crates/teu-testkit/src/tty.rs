//! Somebody at a terminal: types, waits for words, changes the window's size.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};
use teu_kernel::tty;

/// Nobody waits longer for a word.
const PATIENCE: Duration = Duration::from_secs(20);

/// A program with a terminal of its own, and its user.
#[derive(Debug)]
pub struct Tty {
    child: Child,
    master: OwnedFd,
    keyboard: File,
    screen: Arc<Screen>,
    /// How much of the screen has been read.
    seen: usize,
}

#[derive(Debug, Default)]
struct Screen {
    text: Mutex<(Vec<u8>, bool)>,
    more: Condvar,
}

impl Tty {
    /// Runs `command` on a new terminal of `rows` × `columns`, which is its controlling one.
    pub fn spawn(command: &Command, rows: u16, columns: u16) -> Tty {
        let master = tty::open_master().expect("a pseudoterminal");
        tty::set_size(master.as_fd(), rows, columns).expect("a size");
        let peer = tty::open_peer(master.as_fd()).expect("its other end");
        let end = || peer.try_clone().expect("a copy of a descriptor");
        // Its own session, whose terminal its standard input is.
        let mut session = Command::new("setsid");
        session.arg("--ctty").arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => session.env(name, value),
                None => session.env_remove(name),
            };
        }
        let child = session
            .env("TERM", "xterm")
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .expect("setsid, of util-linux");
        let screen = Arc::new(Screen::default());
        let display = File::from(master.try_clone().expect("a copy of a descriptor"));
        std::thread::spawn({
            let screen = Arc::clone(&screen);
            move || screen.fill(display)
        });
        let keyboard = File::from(master.try_clone().expect("a copy of a descriptor"));
        Tty { child, master, keyboard, screen, seen: 0 }
    }

    /// Types.
    pub fn send(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("the terminal takes keys");
    }

    /// Waits for `word` behind what was read so far; returns all up to its end.
    #[track_caller]
    pub fn expect(&mut self, word: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut text = self.screen.text.lock().expect("no panic while held");
        loop {
            let unread = &text.0[self.seen..];
            let found = unread.windows(word.len()).position(|part| part == word.as_bytes());
            if let Some(at) = found {
                let end = at + word.len();
                let read = String::from_utf8_lossy(&unread[..end]).into_owned();
                self.seen += end;
                return read;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let shown = || String::from_utf8_lossy(unread).into_owned();
            assert!(!text.1, "the terminal closed without {word:?}; it shows: {:?}", shown());
            assert!(!left.is_zero(), "no {word:?}; the terminal shows: {:?}", shown());
            text = self.screen.more.wait_timeout(text, left).expect("no panic while held").0;
        }
    }

    /// The window gets another size.
    pub fn resize(&self, rows: u16, columns: u16) {
        tty::set_size(self.master.as_fd(), rows, columns).expect("a size");
    }

    /// Waits for the program's end; its exit code.
    #[track_caller]
    pub fn end(&mut self) -> i32 {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("our own child") {
                return status.code().unwrap_or(-1);
            }
            assert!(
                Instant::now() < deadline,
                "it does not end; the terminal shows: {}",
                self.shown()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// All that was shown, once nobody has the terminal open any more.
    #[track_caller]
    pub fn rest(&self) -> String {
        let deadline = Instant::now() + PATIENCE;
        while !self.screen.text.lock().expect("no panic while held").1 {
            assert!(Instant::now() < deadline, "somebody keeps the terminal: {}", self.shown());
            std::thread::sleep(Duration::from_millis(5));
        }
        self.shown()
    }

    /// All that was shown.
    pub fn shown(&self) -> String {
        let text = self.screen.text.lock().expect("no panic while held");
        String::from_utf8_lossy(&text.0).into_owned()
    }
}

impl Screen {
    fn fill(&self, mut display: File) {
        let mut buffer = [0; 4096];
        loop {
            // EIO: nobody has the other end open any more.
            let length = display.read(&mut buffer).unwrap_or(0);
            let mut text = self.text.lock().expect("no panic while held");
            text.0.extend(&buffer[..length]);
            text.1 = length == 0;
            self.more.notify_all();
            if length == 0 {
                return;
            }
        }
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
            return;
        }
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait().map(drop)) {
            eprintln!("a program at a terminal could not be ended: {error}");
        }
    }
}
