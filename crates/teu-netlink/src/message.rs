//! Writing requests: one or several messages in one buffer, each with attributes that may nest.

use std::sync::atomic::{AtomicU32, Ordering};

/// `NLM_F_REQUEST`, set in every message here.
const REQUEST: u16 = 0x1;
/// `NLM_F_ACK`: answer even when there is nothing to tell.
pub(crate) const ACK: u16 = 0x4;
/// `NLM_F_ECHO`: tell the change as listeners are told it.
pub(crate) const ECHO: u16 = 0x8;
/// `NLM_F_DUMP`: all of them.
pub(crate) const DUMP: u16 = 0x300;
/// `NLM_F_REPLACE`.
pub(crate) const REPLACE: u16 = 0x100;
/// `NLM_F_EXCL`: fail where it exists.
pub(crate) const EXCLUSIVE: u16 = 0x200;
/// `NLM_F_CREATE`.
pub(crate) const CREATE: u16 = 0x400;
/// `NLM_F_APPEND`: at the end; without it a rule goes to the head of its chain.
pub(crate) const APPEND: u16 = 0x800;

const NESTED: u16 = 0x8000;
const HEADER: usize = 16;

/// Numbers set aside for one `Requests`.
const NUMBERS: u32 = 1 << 12;
static NEXT: AtomicU32 = AtomicU32::new(1);

/// How the kernel answers a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// With an acknowledgement or the end of a dump, which is waited for.
    Due,
    /// With a refusal or with data, both before the answer to the last message.
    Before,
    /// With a refusal of all messages, behind which nothing comes.
    ForAll,
}

/// Requests to be sent at once, in this order. The kernel answers in this order, too, so only the
/// last one asks for an acknowledgement (and dumps, which end with one).
#[derive(Debug)]
pub struct Requests {
    pub(crate) bytes: Vec<u8>,
    /// The number of the first message. Every `Requests` has numbers of its own, so that an answer
    /// which nobody waited for is never taken for one to a later request.
    pub(crate) first: u32,
    /// What each message is called in an error, and how it is answered.
    pub(crate) labels: Vec<(&'static str, Answer)>,
    /// Where the last message begins.
    pub(crate) last: usize,
    pub(crate) too_long: bool,
}

impl Requests {
    /// None yet.
    pub fn new() -> Requests {
        let first = NEXT.fetch_add(NUMBERS, Ordering::Relaxed);
        Requests { bytes: Vec::new(), first, labels: Vec::new(), last: 0, too_long: false }
    }

    /// Begins a message with its family header. `label` is its name in errors.
    pub fn message(
        &mut self,
        label: &'static str,
        kind: u16,
        flags: u16,
        family_header: &[u8],
    ) -> Message<'_> {
        if flags & ACK != 0 {
            self.no_acknowledgement_for_the_last();
        }
        let at = self.bytes.len();
        let offset = u32::try_from(self.labels.len()).unwrap_or(u32::MAX);
        self.too_long |= offset >= NUMBERS;
        let sequence = self.first.wrapping_add(offset);
        let answer = if flags & (ACK | DUMP) == 0 { Answer::ForAll } else { Answer::Due };
        self.labels.push((label, answer));
        self.last = at;
        self.bytes.extend([0; 4]);
        self.bytes.extend(kind.to_ne_bytes());
        self.bytes.extend((flags | REQUEST).to_ne_bytes());
        self.bytes.extend(sequence.to_ne_bytes());
        self.bytes.extend([0; 4]);
        self.bytes.extend(family_header);
        Message { requests: self, at }
    }

    fn no_acknowledgement_for_the_last(&mut self) {
        let Some((_, answer @ Answer::Due)) = self.labels.last_mut() else { return };
        let flags = &mut self.bytes[self.last + 6..self.last + 8];
        let before = u16::from_ne_bytes([flags[0], flags[1]]);
        if before & ACK != 0 {
            flags.copy_from_slice(&(before & !ACK).to_ne_bytes());
            *answer = Answer::Before;
        }
    }

    /// How many messages there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}

impl Default for Requests {
    fn default() -> Requests {
        Requests::new()
    }
}

/// A message being written; it is finished when dropped.
#[derive(Debug)]
pub struct Message<'a> {
    requests: &'a mut Requests,
    at: usize,
}

impl Message<'_> {
    /// An attribute with these bytes.
    pub fn put(&mut self, kind: u16, content: &[u8]) -> &mut Self {
        let start = self.begin(kind);
        self.requests.bytes.extend(content);
        self.end(start)
    }

    /// A number in the machine's byte order.
    pub fn put_u32(&mut self, kind: u16, value: u32) -> &mut Self {
        self.put(kind, &value.to_ne_bytes())
    }

    /// A number in network byte order.
    pub fn put_u32_be(&mut self, kind: u16, value: u32) -> &mut Self {
        self.put(kind, &value.to_be_bytes())
    }

    /// A text and the zero byte that ends it.
    pub fn put_text(&mut self, kind: u16, text: &str) -> &mut Self {
        let start = self.begin(kind);
        self.requests.bytes.extend(text.as_bytes());
        self.requests.bytes.push(0);
        self.end(start)
    }

    /// An attribute that holds what `fill` writes.
    pub fn nest(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) -> &mut Self {
        let start = self.begin(kind | NESTED);
        fill(self);
        self.end(start)
    }

    /// Bytes as they are: a header inside an attribute (`VETH_INFO_PEER` begins with one).
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.requests.bytes.extend(bytes);
        self
    }

    fn begin(&mut self, kind: u16) -> usize {
        let start = self.requests.bytes.len();
        self.requests.bytes.extend([0; 2]);
        self.requests.bytes.extend(kind.to_ne_bytes());
        start
    }

    fn end(&mut self, start: usize) -> &mut Self {
        let bytes = &mut self.requests.bytes;
        match u16::try_from(bytes.len() - start) {
            Ok(length) => bytes[start..start + 2].copy_from_slice(&length.to_ne_bytes()),
            Err(_) => self.requests.too_long = true,
        }
        let bytes = &mut self.requests.bytes;
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        self
    }
}

impl Drop for Message<'_> {
    fn drop(&mut self) {
        let bytes = &mut self.requests.bytes;
        match u32::try_from(bytes.len() - self.at) {
            Ok(length) => bytes[self.at..self.at + 4].copy_from_slice(&length.to_ne_bytes()),
            Err(_) => self.requests.too_long = true,
        }
        debug_assert!(bytes.len() - self.at >= HEADER);
    }
}

#[test]
fn writes_what_the_kernel_reads() {
    let mut requests = Requests { first: 1, ..Requests::new() };
    requests.message("RTM_X", 0x10, ACK, &[9; 4]).put_text(3, "ab").nest(18, |inner| {
        inner.put_u32(1, 5);
    });
    let expected = [
        &44_u32.to_ne_bytes()[..],
        &[0x10, 0, 5, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 9, 9, 9],
        &[7, 0, 3, 0, b'a', b'b', 0, 0],
        &[12, 0, 18, 0x80, 8, 0, 1, 0, 5, 0, 0, 0],
    ];
    let mut expected = expected.concat();
    expected[0] = u8::try_from(expected.len()).unwrap();
    assert_eq!(requests.bytes, expected);
    requests.message("RTM_Y", 0x11, 0, &[]).put(1, &[0; 70_000]);
    assert!(requests.too_long);
}
