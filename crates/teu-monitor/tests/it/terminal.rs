//! A container with a terminal.

use crate::container::{Container, LIMIT, Wanted};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use teu_kernel::{libc, signal::Signals, tty};
use teu_monitor::{DetachKeys, Link, Pump, PumpEnd};
use teu_testkit::{Need, have};

/// A user at a terminal of their own: what is on the screen, and a keyboard.
struct User {
    master: File,
    screen: String,
}

impl User {
    fn new(rows: u16, columns: u16) -> (User, OwnedFd) {
        let master = tty::open_master().unwrap();
        let terminal = tty::open_peer(master.as_fd()).unwrap();
        tty::set_size(master.as_fd(), rows, columns).unwrap();
        (User { master: File::from(master), screen: String::new() }, terminal)
    }

    fn reads_until(&mut self, text: &str) {
        while !self.screen.contains(text) {
            let ready = teu_kernel::poll::wait_readable(self.master.as_fd(), LIMIT).unwrap();
            assert!(ready, "no `{text}` on the screen: {:?}", self.screen);
            let mut bytes = [0; 1000];
            let count = self.master.read(&mut bytes).unwrap();
            self.screen.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
    }

    fn types(&mut self, text: &str) {
        self.master.write_all(text.as_bytes()).unwrap();
    }
}

fn sit_at(link: &mut Link, terminal: &OwnedFd, signals: Option<&Signals>) -> PumpEnd {
    let fd = terminal.as_fd();
    link.pump(Pump {
        stdin: Some(fd),
        stdout: Some(fd),
        terminal: Some(fd),
        detach_keys: Some(DetachKeys::default()),
        signals,
        ..Pump::default()
    })
    .unwrap()
}

#[test]
fn a_user_types_resizes_detaches_and_comes_back() {
    if !have(Need::Root) {
        return;
    }
    let wanted = Wanted::script("stty -echo; echo ready; exec sh").terminal();
    let (container, mut link) = Container::start("terminal", &wanted);
    let (mut user, terminal) = User::new(33, 111);
    let seat = terminal.try_clone().unwrap();
    let visit = std::thread::spawn(move || sit_at(&mut link, &seat, None));
    user.reads_until("ready");
    user.types("stty size\n");
    user.reads_until("33 111");
    user.types("cat\nit echoes\n");
    user.reads_until("it echoes");
    user.screen.clear();
    user.types("\x03");
    user.reads_until("# ");
    user.types("echo int=$?\n");
    user.reads_until("int=130");
    user.types("\x10\x11");
    assert!(matches!(visit.join().unwrap(), PumpEnd::Detached));

    let mut link = container.connect();
    link.attach(teu_monitor::Target::Container, teu_monitor::Attach::ALL).unwrap();
    user.screen.clear();
    tty::set_size(user.master.as_fd(), 10, 20).unwrap();
    let visit = std::thread::spawn(move || {
        let signals = Signals::take(&[libc::SIGWINCH]).unwrap();
        sit_at(&mut link, &terminal, Some(&signals))
    });
    user.types("stty size\n");
    user.reads_until("10 20");
    user.types("exit 5\n");
    let PumpEnd::Exited(exited) = visit.join().unwrap() else { panic!() };
    assert_eq!(exited.exit.code, 5);
    assert!(container.log().iter().any(|(_, text)| text.ends_with("33 111\r\n")));
}

#[test]
fn nothing_is_lost_at_the_end_of_a_terminal() {
    if !have(Need::Root) {
        return;
    }
    let wanted = Wanted::script("seq 20000").terminal();
    let (container, mut link) = Container::start("terminal-end", &wanted);
    let (exited, stdout, _) = crate::container::pump(&mut link, b"");
    assert_eq!(exited.exit.code, 0);
    assert_eq!(stdout.lines().count(), 20_000);
    assert!(stdout.ends_with("20000\r\n"));
    assert_eq!(container.log().len(), 20_000);
    link.released().unwrap();
}
