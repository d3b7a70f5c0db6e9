//! One netlink socket: requests out, answers in, refusals told with the kernel's own words.

use crate::message::Answer;
use crate::{NetlinkError, Requests, attributes};
use std::os::fd::{AsFd, OwnedFd};
use teu_kernel::netlink::{self, Family};

/// The kernel's datagrams are no longer than a page, or than what the reader has offered before.
const BUFFER: usize = 8 * 1024;

const NLMSG_NOOP: u16 = 1;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_MULTI: u16 = 0x2;
const NLM_F_DUMP_INTR: u16 = 0x10;
const NLM_F_CAPPED: u16 = 0x100;
const NLM_F_ACK_TLVS: u16 = 0x200;
const NLMSGERR_ATTR_MSG: u16 = 1;

/// A message of an answer.
#[derive(Clone, Copy, Debug)]
pub struct Reply<'a> {
    /// Which request of the [`Requests`] it answers, from 0.
    pub request: usize,
    /// Its type, such as `RTM_NEWLINK`.
    pub kind: u16,
    /// What follows the header.
    pub payload: &'a [u8],
}

/// A socket into the network namespace in which it was opened.
#[derive(Debug)]
pub struct Socket {
    fd: OwnedFd,
    buffer: Vec<u8>,
}

impl Socket {
    /// To rtnetlink.
    pub fn route() -> Result<Socket, NetlinkError> {
        Socket::open(Family::Route)
    }

    /// To nf_tables.
    pub fn netfilter() -> Result<Socket, NetlinkError> {
        Socket::open(Family::Netfilter)
    }

    fn open(family: Family) -> Result<Socket, NetlinkError> {
        let fd = netlink::open(family).map_err(|source| NetlinkError::Socket { source })?;
        Ok(Socket { fd, buffer: Vec::new() })
    }

    /// Sends `requests` at once and hands every answer that is not a bare acknowledgement to `each`.
    ///
    /// # Errors
    /// The first refusal, once all requests are answered.
    pub fn transact(
        &mut self,
        requests: &Requests,
        mut each: impl FnMut(Reply<'_>),
    ) -> Result<(), NetlinkError> {
        if requests.too_long {
            return Err(NetlinkError::TooLong);
        }
        let socket = |source| NetlinkError::Socket { source };
        netlink::send(self.fd.as_fd(), &requests.bytes).map_err(socket)?;

        self.buffer.resize(BUFFER, 0);
        let mut round = Round::new(requests);
        while round.open > 0 {
            let length = netlink::receive(self.fd.as_fd(), &mut self.buffer).map_err(socket)?;
            round.read(&self.buffer[..length], &mut each)?;
        }
        round.refused.map_or(Ok(()), Err)
    }

    /// `transact` for requests that answer with nothing.
    pub fn send(&mut self, requests: &Requests) -> Result<(), NetlinkError> {
        self.transact(requests, |_| ())
    }
}

/// What is still due for the requests of one `transact`.
pub(crate) struct Round<'a> {
    requests: &'a Requests,
    due: Vec<bool>,
    open: usize,
    refused: Option<NetlinkError>,
}

impl<'a> Round<'a> {
    pub(crate) fn new(requests: &'a Requests) -> Round<'a> {
        let due: Vec<bool> =
            requests.labels.iter().map(|(_, answer)| *answer == Answer::Due).collect();
        let open = due.iter().filter(|due| **due).count();
        Round { requests, due, open, refused: None }
    }

    pub(crate) fn read(
        &mut self,
        mut datagram: &[u8],
        each: &mut impl FnMut(Reply<'_>),
    ) -> Result<(), NetlinkError> {
        while let Some(header) = Header::of(datagram, self.requests.first) {
            let label = self.label(header.request);
            let malformed = NetlinkError::Malformed { request: label };
            let Some(payload) = datagram.get(16..header.length) else { return Err(malformed) };
            datagram = datagram.get(header.length.next_multiple_of(4)..).unwrap_or(&[]);
            if header.request >= self.requests.len() {
                continue;
            }
            let interrupted = header.flags & NLM_F_DUMP_INTR != 0;
            match header.kind {
                NLMSG_NOOP => {}
                NLMSG_ERROR | NLMSG_DONE => {
                    // A dump ends with DONE, whose payload is an error number, too (or nothing).
                    let number = payload.get(..4).and_then(crate::u32_of).unwrap_or(0);
                    let number = number.cast_signed().saturating_neg();
                    let number = if number == 0 && interrupted { EINTR } else { number };
                    self.finish(header.request, number, || words(header, payload));
                }
                kind => each(Reply { request: header.request, kind, payload }),
            }
        }
        Ok(())
    }

    fn finish(&mut self, request: usize, number: i32, said: impl FnOnce() -> Option<String>) {
        if number != 0 && self.refused.is_none() {
            let source = std::io::Error::from_raw_os_error(number);
            let request = self.label(request);
            self.refused = Some(NetlinkError::Refused { request, said: said(), source });
        }
        if number != 0 && self.answer(request) == Answer::ForAll {
            self.open = 0;
        } else if let Some(due) = self.due.get_mut(request).filter(|due| **due) {
            *due = false;
            self.open -= 1;
        }
    }

    fn answer(&self, request: usize) -> Answer {
        self.requests.labels.get(request).map_or(Answer::Before, |(_, answer)| *answer)
    }

    fn label(&self, request: usize) -> &'static str {
        self.requests.labels.get(request).map_or("netlink", |(label, _)| label)
    }
}

const EINTR: i32 = teu_kernel::libc::EINTR;

#[derive(Clone, Copy)]
struct Header {
    length: usize,
    kind: u16,
    flags: u16,
    request: usize,
}

impl Header {
    fn of(bytes: &[u8], first: u32) -> Option<Header> {
        let u16_at = |at: usize| Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
        let u32_at = |at: usize| Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let header = Header {
            length: usize::try_from(u32_at(0)?).ok()?,
            kind: u16_at(4)?,
            flags: u16_at(6)?,
            request: usize::try_from(u32_at(8)?.wrapping_sub(first)).ok()?,
        };
        (bytes.len() >= 16).then_some(header)
    }
}

/// The kernel's words in an acknowledgement: attributes behind the number and the request's header.
fn words(header: Header, payload: &[u8]) -> Option<String> {
    if header.flags & NLM_F_ACK_TLVS == 0 || header.flags & NLM_F_MULTI != 0 {
        return None;
    }
    let repeated = payload.get(4..8).and_then(crate::u32_of)?;
    let repeated = if header.flags & NLM_F_CAPPED != 0 { 16 } else { repeated.max(16) };
    let behind = payload.get(4 + usize::try_from(repeated).ok()?.next_multiple_of(4)..)?;
    let message = attributes(behind).find(|part| part.kind == NLMSGERR_ATTR_MSG)?;
    Some(message.text()?.chars().filter(|c| !c.is_control()).take(200).collect())
}

#[test]
fn a_refusal_names_the_request_and_repeats_the_kernels_words() {
    use std::error::Error;
    let mut socket = Socket::route().unwrap();
    let mut requests = Requests::new();
    crate::link::get(&mut requests, "no-such-link");
    crate::link::get(&mut requests, "lo");
    let mut seen = Vec::new();
    let error = socket.transact(&requests, |reply| seen.push(reply.request)).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(teu_kernel::libc::ENODEV));
    assert!(error.to_string().starts_with("the kernel refused RTM_GETLINK"));
    assert!(error.source().is_some());
    assert_eq!(seen, [1], "the second request is answered all the same");
}

#[test]
fn malformed_answers_are_no_panic() {
    let mut requests = Requests { first: 1, ..Requests::new() };
    crate::link::get(&mut requests, "lo");
    for length in 0..24_u32 {
        for kind in [2_u16, 3, 16] {
            for flags in [0_u16, NLM_F_ACK_TLVS, NLM_F_ACK_TLVS | NLM_F_CAPPED, NLM_F_DUMP_INTR] {
                let mut bytes = length.to_ne_bytes().to_vec();
                bytes.extend(kind.to_ne_bytes());
                bytes.extend(flags.to_ne_bytes());
                bytes.extend(1_u32.to_ne_bytes());
                bytes.extend([0xff; 12]);
                for cut in 0..bytes.len() {
                    // Whether it can be read is not the point here.
                    Round::new(&requests).read(&bytes[..cut], &mut |_| ()).unwrap_or(());
                }
            }
        }
    }
}
