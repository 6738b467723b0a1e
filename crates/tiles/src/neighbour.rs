//! A line to another process of this host, over which messages and open sockets go: how a tile gives its place to another one.
//!
//! A message is two little-endian `u32`, its length and its number of sockets, and its bytes; the sockets go with its first byte
//! (`SCM_RIGHTS`). A socket that was given is open at both ends until each has closed it: a connection does not notice.
//!
//! Invariant: a message is taken whole with all its sockets or not at all; only processes of the same user are spoken to; nothing
//! here blocks.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

const HEAD_BYTES: usize = 8;
/// The longest message, and the most sockets of one.
const MESSAGE_BYTES_MAX: usize = 1 << 24;
const SOCKETS_MAX: usize = 64;
const READ_BYTES: usize = 1 << 16;
const CONTROL_BYTES: usize = 1 << 10;

/// A message, and what came with it.
#[derive(Debug)]
pub struct Message {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its sockets.
    pub sockets: VecDeque<OwnedFd>,
}

/// One end of a line.
pub struct Neighbour {
    stream: UnixStream,
    input: Vec<u8>,
    sockets: VecDeque<OwnedFd>,
    output: VecDeque<(Vec<u8>, Vec<OwnedFd>, usize)>,
    over: bool,
}

impl Neighbour {
    /// Connects to who listens there.
    ///
    /// # Errors
    /// When nobody does.
    pub fn connect(at: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(at).map_err(|error| said(&error, "connecting to", at))?;
        Self::over(stream)
    }

    fn over(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self { stream, input: Vec::new(), sockets: VecDeque::new(), output: VecDeque::new(), over: false })
    }

    /// Queues a message and sends what goes out now; whether nothing is left.
    ///
    /// # Errors
    /// When the other end is gone. Nothing of a message whose first byte was not sent reaches it.
    ///
    /// # Panics
    /// For a message that is too long, or has too many sockets.
    pub fn send(&mut self, bytes: &[u8], sockets: Vec<OwnedFd>) -> io::Result<bool> {
        assert!(bytes.len() <= MESSAGE_BYTES_MAX && sockets.len() <= SOCKETS_MAX);
        let mut whole = Vec::with_capacity(HEAD_BYTES + bytes.len());
        whole.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        whole.extend_from_slice(&(sockets.len() as u32).to_le_bytes());
        whole.extend_from_slice(bytes);
        self.output.push_back((whole, sockets, 0));
        self.flush()
    }

    /// Sends what waits; whether nothing is left.
    ///
    /// # Errors
    /// When the other end is gone.
    pub fn flush(&mut self) -> io::Result<bool> {
        while let Some((bytes, sockets, sent)) = self.output.front_mut() {
            let given: &[OwnedFd] = if *sent == 0 { sockets } else { &[] };
            match send(&self.stream, &bytes[*sent..], given) {
                Ok(count) => *sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
            if *sent == bytes.len() {
                self.output.pop_front();
            }
        }
        Ok(true)
    }

    /// The next message; `None`: none is whole yet.
    ///
    /// # Errors
    /// When the other end is gone and all that it sent was taken, or when what it sends is no message.
    pub fn receive(&mut self) -> io::Result<Option<Message>> {
        loop {
            if let Some(message) = self.whole()? {
                return Ok(Some(message));
            }
            if self.over {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            match receive(&self.stream, &mut self.input, &mut self.sockets) {
                Ok(0) => self.over = true,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => self.over = true,
                Err(error) => return Err(error),
            }
        }
    }

    /// Ends the line, both ways.
    pub fn close(&mut self) {
        let _it_may_be_over = self.stream.shutdown(std::net::Shutdown::Both);
    }

    fn whole(&mut self) -> io::Result<Option<Message>> {
        let Some(head) = self.input.first_chunk::<HEAD_BYTES>() else { return Ok(None) };
        let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]) as usize;
        let (length, sockets) = (word(0), word(4));
        if length > MESSAGE_BYTES_MAX || sockets > SOCKETS_MAX {
            return Err(io::Error::new(ErrorKind::InvalidData, "what a neighbour sends is no message"));
        }
        if self.input.len() < HEAD_BYTES + length {
            return Ok(None);
        }
        if self.sockets.len() < sockets {
            return Err(io::Error::new(ErrorKind::InvalidData, "a neighbour's message lacks its sockets"));
        }
        let bytes = self.input[HEAD_BYTES..HEAD_BYTES + length].to_vec();
        self.input.drain(..HEAD_BYTES + length);
        Ok(Some(Message { bytes, sockets: self.sockets.drain(..sockets).collect() }))
    }
}

/// Where neighbours come to.
pub struct Neighbours {
    listener: UnixListener,
}

impl Neighbours {
    /// Listens there, in the place of whoever did before.
    ///
    /// # Errors
    /// When the path is none of ours, or too long for a socket.
    pub fn listen(at: &Path) -> io::Result<Self> {
        match std::fs::remove_file(at) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(said(&error, "listening at", at)),
            _ => {}
        }
        let listener = UnixListener::bind(at).map_err(|error| said(&error, "listening at", at))?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener })
    }

    /// Who has come; `None`: nobody, or another user, who is sent away.
    pub fn accept(&mut self) -> Option<Neighbour> {
        let (stream, _) = self.listener.accept().ok()?;
        is_own(&stream).then(|| Neighbour::over(stream).ok()).flatten()
    }
}

fn said(error: &io::Error, doing: &str, at: &Path) -> io::Error {
    io::Error::new(error.kind(), format!("{doing} {}: {error}", at.display()))
}

/// Whether the other end is a process of this user.
fn is_own(stream: &UnixStream) -> bool {
    let mut peer = libc::ucred { pid: 0, uid: u32::MAX, gid: u32::MAX };
    let mut length = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: the descriptor is open, and `peer` has as many bytes as are said.
    let code = unsafe {
        let to = (&raw mut peer).cast();
        libc::getsockopt(stream.as_raw_fd(), libc::SOL_SOCKET, libc::SO_PEERCRED, to, &raw mut length)
    };
    // SAFETY: it takes nothing and cannot fail.
    code == 0 && peer.uid == unsafe { libc::geteuid() }
}

/// Room for control messages, as aligned as they must be.
#[repr(C, align(16))]
struct Control([u8; CONTROL_BYTES]);

fn header(part: &mut libc::iovec, control: &mut Control, length: usize) -> libc::msghdr {
    // SAFETY: all zeros is a message without anything.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    (message.msg_iov, message.msg_iovlen) = (part, 1);
    if length > 0 {
        (message.msg_control, message.msg_controllen) = (control.0.as_mut_ptr().cast(), length as _);
    }
    message
}

fn send(stream: &UnixStream, bytes: &[u8], sockets: &[OwnedFd]) -> io::Result<usize> {
    let mut part = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let mut control = Control([0; CONTROL_BYTES]);
    let given = size_of_val(sockets) as u32;
    // SAFETY: it computes a length. A descriptor is as large as the `OwnedFd` that owns it.
    let space = if sockets.is_empty() { 0 } else { unsafe { libc::CMSG_SPACE(given) as usize } };
    assert!(space <= CONTROL_BYTES && size_of::<OwnedFd>() == size_of::<i32>());
    let mut message = header(&mut part, &mut control, space);
    if space > 0 {
        // SAFETY: `control` holds `space` bytes, which is room for one head and these descriptors.
        unsafe {
            let head = libc::CMSG_FIRSTHDR(&raw mut message);
            (*head).cmsg_level = libc::SOL_SOCKET;
            (*head).cmsg_type = libc::SCM_RIGHTS;
            (*head).cmsg_len = libc::CMSG_LEN(given) as _;
            let to: *mut i32 = libc::CMSG_DATA(head).cast();
            for (at, socket) in sockets.iter().enumerate() {
                to.add(at).write_unaligned(socket.as_raw_fd());
            }
        }
    }
    // SAFETY: the message's parts live through the call. A line that is broken is an error, never a signal.
    let count = unsafe { libc::sendmsg(stream.as_raw_fd(), &raw const message, libc::MSG_NOSIGNAL) };
    usize::try_from(count).map_err(|_| io::Error::last_os_error())
}

fn receive(stream: &UnixStream, input: &mut Vec<u8>, sockets: &mut VecDeque<OwnedFd>) -> io::Result<usize> {
    let mut bytes = [0_u8; READ_BYTES];
    let mut part = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    let mut control = Control([0; CONTROL_BYTES]);
    let mut message = header(&mut part, &mut control, CONTROL_BYTES);
    // SAFETY: the message's parts live through the call and are as large as they say.
    let count = unsafe { libc::recvmsg(stream.as_raw_fd(), &raw mut message, libc::MSG_CMSG_CLOEXEC) };
    let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
    input.extend_from_slice(&bytes[..count]);
    // SAFETY: the system filled `control` in; each descriptor in it is open, and ours alone from here on.
    unsafe {
        let mut head = libc::CMSG_FIRSTHDR(&raw const message);
        while !head.is_null() {
            if (*head).cmsg_level == libc::SOL_SOCKET && (*head).cmsg_type == libc::SCM_RIGHTS {
                let data: *const i32 = libc::CMSG_DATA(head).cast();
                let given = ((*head).cmsg_len as usize - libc::CMSG_LEN(0) as usize) / size_of::<i32>();
                for at in 0..given {
                    sockets.push_back(OwnedFd::from_raw_fd(data.add(at).read_unaligned()));
                }
            }
            head = libc::CMSG_NXTHDR(&raw const message, head);
        }
    }
    if message.msg_flags & libc::MSG_CTRUNC != 0 {
        return Err(io::Error::new(ErrorKind::InvalidData, "a neighbour gave more sockets than can be taken"));
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    fn pair() -> (Neighbour, Neighbour) {
        let (one, other) = UnixStream::pair().expect("sockets");
        (Neighbour::over(one).expect("a socket"), Neighbour::over(other).expect("a socket"))
    }

    #[test]
    fn a_connection_goes_on_in_other_hands_and_its_peer_does_not_notice() {
        let (mut giver, mut taker) = pair();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let mut member = TcpStream::connect(listener.local_addr().expect("bound")).expect("connects");
        let (server, _) = listener.accept().expect("it came");
        member.write_all(b"before").expect("room");
        let copy = server.try_clone().expect("a descriptor");
        assert!(giver.send(b"one", vec![copy.into(), listener.into()]).expect("there"));
        drop(server);
        assert!(giver.send(b"", Vec::new()).expect("there"));
        drop(giver);
        let mut message = taker.receive().expect("sound").expect("whole");
        assert_eq!((message.bytes.as_slice(), message.sockets.len()), (&b"one"[..], 2));
        let mut server = TcpStream::from(message.sockets.pop_front().expect("two"));
        let mut read = [0; 6];
        server.read_exact(&mut read).expect("what waited");
        server.write_all(b"after").expect("room");
        let mut answer = [0; 5];
        member.read_exact(&mut answer).expect("the same connection");
        assert_eq!((&read, &answer), (b"before", b"after"));
        assert!(taker.receive().expect("sound").expect("whole").bytes.is_empty());
        assert_eq!(taker.receive().expect_err("it is gone").kind(), ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_message_larger_than_the_system_takes_comes_whole_and_what_is_none_is_refused() {
        let (mut giver, mut taker) = pair();
        let large: Vec<u8> = (0..3_000_000_u32).map(|at| at as u8).collect();
        let mut sent = giver.send(&large, Vec::new()).expect("there");
        assert!(!sent, "more than a socket holds");
        let message = loop {
            match taker.receive().expect("sound") {
                Some(message) => break message,
                None => sent = giver.flush().expect("there"),
            }
        };
        assert!(sent && message.bytes == large);
        assert!(taker.receive().expect("sound").is_none());
        giver.stream.write_all(&[0xff; HEAD_BYTES]).expect("room");
        assert_eq!(taker.receive().expect_err("no message").kind(), ErrorKind::InvalidData);
    }

    #[test]
    fn who_listens_takes_the_place_of_who_did_and_nobody_there_is_an_error() {
        let at = std::env::temp_dir().join(format!("meridian-neighbour-{}", std::process::id()));
        assert!(Neighbour::connect(&at).is_err());
        let first = Neighbours::listen(&at).expect("a place");
        let mut second = Neighbours::listen(&at).expect("the same place");
        drop(first);
        let mut comes = Neighbour::connect(&at).expect("somebody listens");
        let mut other = second.accept().expect("it came");
        assert!(comes.send(b"hello", Vec::new()).expect("there") && second.accept().is_none());
        assert_eq!(other.receive().expect("sound").expect("whole").bytes, b"hello");
        std::fs::remove_file(at).expect("its own");
    }
}
