//! One name, one server: both questions at once by UDP, and by TCP what does not fit.

use super::ResolveError;
use super::message::{self, Answer, Kind};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

const KINDS: [Kind; 2] = [Kind::A, Kind::Aaaa];

/// All addresses of `name`, IPv4 first.
pub(super) fn addresses(
    server: SocketAddr,
    name: &str,
    timeout: Duration,
) -> Result<Vec<IpAddr>, ResolveError> {
    let answers = ask(server, name, timeout)?;
    let mut found = Vec::new();
    for answer in answers {
        match answer.code {
            0 => found.extend(answer.addresses),
            3 => return Err(ResolveError::NoSuchHost),
            code => return Err(ResolveError::ServerFailed { server, code }),
        }
    }
    Ok(found)
}

fn ask(server: SocketAddr, name: &str, timeout: Duration) -> Result<[Answer; 2], ResolveError> {
    let no_answer = |source| ResolveError::NoAnswer { server, source };
    let ids = teu_kernel::random::random::<4>().map_err(no_answer)?;
    let ids = [u16::from_be_bytes([ids[0], ids[1]]), u16::from_be_bytes([ids[2], ids[3]])];
    let mut questions = Vec::with_capacity(2);
    for (id, kind) in ids.into_iter().zip(KINDS) {
        let question = message::question(id, name, kind);
        let question = question.ok_or_else(|| ResolveError::BadName { name: name.to_string() })?;
        questions.push((id, kind, question));
    }
    let answers = by_udp(server, name, timeout, &questions).map_err(no_answer)?;
    let mut whole = Vec::with_capacity(2);
    for (answer, question) in answers.into_iter().zip(&questions) {
        whole.push(if answer.cut {
            by_tcp(server, name, timeout, question).map_err(no_answer)?
        } else {
            answer
        });
    }
    let Ok(whole) = <[Answer; 2]>::try_from(whole) else {
        unreachable!("two questions, two answers");
    };
    Ok(whole)
}

type Question = (u16, Kind, Vec<u8>);

fn by_udp(
    server: SocketAddr,
    name: &str,
    timeout: Duration,
    questions: &[Question],
) -> io::Result<Vec<Answer>> {
    let any: IpAddr =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    // Connected: the kernel drops what comes from elsewhere, and tells when nobody listens.
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(server)?;
    for (_, _, question) in questions {
        socket.send(question)?;
    }
    let deadline = Instant::now() + timeout;
    let mut answers: Vec<Option<Answer>> = questions.iter().map(|_| None).collect();
    let mut buffer = [0; 4096];
    while answers.iter().any(Option::is_none) {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        socket.set_read_timeout(Some(left))?;
        let length = match socket.recv(&mut buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        for (slot, (id, kind, _)) in answers.iter_mut().zip(questions) {
            if slot.is_none() {
                *slot = message::answer(&buffer[..length], *id, name, *kind);
            }
        }
    }
    Ok(answers.into_iter().flatten().collect())
}

fn by_tcp(
    server: SocketAddr,
    name: &str,
    timeout: Duration,
    (id, kind, question): &Question,
) -> io::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&server, timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    // A question is at most 18 bytes longer than a name.
    let length = u16::try_from(question.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes()[..], question].concat())?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut bytes = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut bytes)?;
    message::answer(&bytes, *id, name, *kind).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// Answers to any question with 10.0.0.9 or ::9, cut when it comes by UDP.
    fn reply(question: &[u8], cut: bool) -> Vec<u8> {
        let mut bytes = question.to_vec();
        let kind = bytes[bytes.len() - 3];
        bytes[2] = if cut { 0x83 } else { 0x81 };
        bytes[7] = u8::from(!cut);
        if !cut {
            let mut data = if kind == 1 { vec![10, 0, 0, 9] } else { vec![0; 16] };
            *data.last_mut().unwrap() = 9;
            bytes.extend([0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 1, 0, data.len() as u8]);
            bytes.extend(data);
        }
        bytes
    }

    #[test]
    fn cut_answers_are_fetched_by_tcp() {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = tcp.local_addr().unwrap();
        let udp = UdpSocket::bind(server).unwrap();
        let by_udp = std::thread::spawn(move || {
            for _ in 0..2 {
                let mut buffer = [0; 512];
                let (length, from) = udp.recv_from(&mut buffer).unwrap();
                udp.send_to(b"noise", from).unwrap();
                udp.send_to(&reply(&buffer[..length], true), from).unwrap();
            }
        });
        let by_tcp = std::thread::spawn(move || {
            for _ in 0..2 {
                let (mut stream, _) = tcp.accept().unwrap();
                let mut length = [0; 2];
                stream.read_exact(&mut length).unwrap();
                let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
                stream.read_exact(&mut question).unwrap();
                let answer = reply(&question, false);
                stream.write_all(&(answer.len() as u16).to_be_bytes()).unwrap();
                stream.write_all(&answer).unwrap();
            }
        });
        let found = addresses(server, "reg.example", Duration::from_secs(5)).unwrap();
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, ["10.0.0.9", "::9"]);
        by_udp.join().unwrap();
        by_tcp.join().unwrap();
    }

    #[test]
    fn a_server_that_is_not_there() {
        let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error = addresses(free, "reg.example", Duration::from_millis(300)).unwrap_err();
        assert!(matches!(error, ResolveError::NoAnswer { .. }), "{error}");
    }
}
