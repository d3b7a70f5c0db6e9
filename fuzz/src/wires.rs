//! What comes through sockets.

use crate::{seen, text};
use teu_cgroup::foreign as bus;
use teu_monitor::foreign as monitor;
use teu_registry::foreign as registry;

/// What a registry and its token server say: headers line by line, a redirection, and bodies.
pub fn challenges(bytes: &[u8]) {
    let text = text(bytes);
    let headers: Vec<String> = text.lines().map(str::to_string).collect();
    seen(registry::challenges(&headers));
    for location in &headers {
        let there = registry::redirect("https://r.example/v2/x/blobs/y", location);
        assert!(there.is_none_or(|there| there.starts_with("https:")), "{location} leaves https");
    }
    seen(registry::token_answer(bytes));
    seen(registry::error_answer(bytes));
}

/// A name server's answer.
pub fn dns(bytes: &[u8]) {
    seen(registry::dns_answer(bytes, 0x1234, "reg.example"));
}

/// A message from a monitor's client or from a monitor.
pub fn monitor_frame(bytes: &[u8]) {
    if !bytes.is_empty() {
        seen(monitor::request(bytes).map_err(|error| error.to_string()));
        seen(monitor::reply(bytes).map_err(|error| error.to_string()));
    }
}

/// A datagram of the kernel's answers about interfaces, addresses and the firewall.
pub fn netlink(bytes: &[u8]) {
    seen(teu_netlink::foreign::datagram(bytes));
}

/// The message bus of systemd.
pub fn dbus(bytes: &[u8]) {
    seen(bus::dbus_greeting(bytes).map_err(|error| error.to_string()));
    seen(bus::dbus_answer(bytes).map_err(|error| error.to_string()));
}
