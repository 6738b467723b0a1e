//! The machine's sockets: never blocking, IPv4, multicast with the interface set explicitly and TTL 0.
//!
//! Invariant: what is sent to a group leaves through the interface that was named and, with TTL 0, never leaves the host.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use socket2::{Domain, Protocol, Socket, Type};

use crate::poll::Epoll;
use crate::{Neighbour, Neighbours, Net, Poller, Succession, Tcp, TcpListener, TcpRead, Udp};

/// Socket buffers of feeds: a burst of an opening auction while the tile is descheduled.
const RECEIVE_BUFFER_BYTES: usize = 4 << 20;
const LISTEN_BACKLOG: i32 = 64;

/// The machine's network.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealNet;

/// The machine's network for a tile that another one may follow in its place.
#[derive(Clone, Debug)]
pub struct SucceedingNet(pub Succession);

struct RealUdp {
    socket: UdpSocket,
    local: SocketAddrV4,
}

struct RealTcp {
    stream: TcpStream,
    connected: bool,
}

struct RealListener {
    listener: std::net::TcpListener,
    local: SocketAddrV4,
}

/// What a call that would block gives as `None`.
fn ready<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(None),
        Err(error) => Err(error),
    }
}

fn version_4(address: SocketAddr) -> io::Result<SocketAddrV4> {
    match address {
        SocketAddr::V4(address) => Ok(address),
        SocketAddr::V6(_) => Err(io::Error::new(ErrorKind::InvalidInput, "an IPv6 address on an IPv4 socket")),
    }
}

fn said(error: io::Error, doing: &str, at: SocketAddrV4) -> io::Error {
    io::Error::new(error.kind(), format!("{doing} {at}: {error}"))
}

fn datagrams(bind: SocketAddrV4, interface: Ipv4Addr, group: Option<Ipv4Addr>) -> io::Result<RealUdp> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    if group.is_some() {
        socket.set_reuse_address(true)?;
    }
    socket.set_nonblocking(true)?;
    // The system may grant less; the counter of gaps shows whether that mattered.
    socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
    socket.set_multicast_if_v4(&interface)?;
    socket.set_multicast_ttl_v4(0)?;
    socket.set_multicast_loop_v4(true)?;
    socket.bind(&bind.into())?;
    if let Some(group) = group {
        socket.join_multicast_v4(&group, &interface)?;
    }
    let socket: UdpSocket = socket.into();
    let local = version_4(socket.local_addr()?)?;
    Ok(RealUdp { socket, local })
}

impl Net for RealNet {
    fn udp_multicast(&self, group: SocketAddrV4, interface: Ipv4Addr) -> io::Result<Box<dyn Udp>> {
        // Bound to the group itself: other groups on the same port stay out.
        let udp = datagrams(group, interface, Some(*group.ip())).map_err(|error| said(error, "joining", group))?;
        Ok(Box::new(udp))
    }

    fn udp(&self, bind: SocketAddrV4, interface: Ipv4Addr) -> io::Result<Box<dyn Udp>> {
        let udp = datagrams(bind, interface, None).map_err(|error| said(error, "binding", bind))?;
        Ok(Box::new(udp))
    }

    fn tcp_connect(&self, to: SocketAddrV4) -> io::Result<Box<dyn Tcp>> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        let connected = match socket.connect(&to.into()) {
            Ok(()) => true,
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => false,
            Err(error) => return Err(said(error, "connecting to", to)),
        };
        Ok(Box::new(RealTcp { stream: socket.into(), connected }))
    }

    fn poller(&self) -> Option<Box<dyn Poller>> {
        Epoll::new().ok().map(|poller| Box::new(poller) as Box<dyn Poller>)
    }

    fn tcp_listen(&self, at: SocketAddrV4) -> io::Result<Box<dyn TcpListener>> {
        let listen = || -> io::Result<RealListener> {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
            socket.set_reuse_address(true)?;
            socket.set_nonblocking(true)?;
            socket.bind(&at.into())?;
            socket.listen(LISTEN_BACKLOG)?;
            let listener: std::net::TcpListener = socket.into();
            let local = version_4(listener.local_addr()?)?;
            Ok(RealListener { listener, local })
        };
        Ok(Box::new(listen().map_err(|error| said(error, "listening at", at))?))
    }

    fn udp_given(&self, socket: OwnedFd) -> io::Result<Box<dyn Udp>> {
        let socket = UdpSocket::from(socket);
        let local = version_4(socket.local_addr()?)?;
        Ok(Box::new(RealUdp { socket, local }))
    }

    fn tcp_given(&self, socket: OwnedFd) -> io::Result<Box<dyn Tcp>> {
        // Its modes are the socket's own and came with it.
        Ok(Box::new(RealTcp { stream: TcpStream::from(socket), connected: true }))
    }

    fn listener_given(&self, socket: OwnedFd) -> io::Result<Box<dyn TcpListener>> {
        let listener = std::net::TcpListener::from(socket);
        let local = version_4(listener.local_addr()?)?;
        Ok(Box::new(RealListener { listener, local }))
    }
}

impl Net for SucceedingNet {
    fn udp_multicast(&self, group: SocketAddrV4, interface: Ipv4Addr) -> io::Result<Box<dyn Udp>> {
        RealNet.udp_multicast(group, interface)
    }

    fn udp(&self, bind: SocketAddrV4, interface: Ipv4Addr) -> io::Result<Box<dyn Udp>> {
        RealNet.udp(bind, interface)
    }

    fn tcp_connect(&self, to: SocketAddrV4) -> io::Result<Box<dyn Tcp>> {
        RealNet.tcp_connect(to)
    }

    fn tcp_listen(&self, at: SocketAddrV4) -> io::Result<Box<dyn TcpListener>> {
        RealNet.tcp_listen(at)
    }

    fn poller(&self) -> Option<Box<dyn Poller>> {
        RealNet.poller()
    }

    fn udp_given(&self, socket: OwnedFd) -> io::Result<Box<dyn Udp>> {
        RealNet.udp_given(socket)
    }

    fn tcp_given(&self, socket: OwnedFd) -> io::Result<Box<dyn Tcp>> {
        RealNet.tcp_given(socket)
    }

    fn listener_given(&self, socket: OwnedFd) -> io::Result<Box<dyn TcpListener>> {
        RealNet.listener_given(socket)
    }

    fn successors(&self) -> io::Result<Option<Neighbours>> {
        Neighbours::listen(&self.0.at).map(Some)
    }

    fn predecessor(&self) -> io::Result<Option<Neighbour>> {
        self.0.takes_over.then(|| Neighbour::connect(&self.0.at)).transpose()
    }
}

/// One more handle of an open socket.
fn handle(socket: impl AsFd) -> Option<OwnedFd> {
    socket.as_fd().try_clone_to_owned().ok()
}

impl Udp for RealUdp {
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<(usize, SocketAddrV4)>> {
        match ready(self.socket.recv_from(buffer)) {
            Ok(Some((length, from))) => Ok(Some((length, version_4(from)?))),
            Ok(None) => Ok(None),
            // The peer's port was closed when we sent: nothing waits for us.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn send_to(&mut self, bytes: &[u8], to: SocketAddrV4) -> io::Result<bool> {
        match ready(self.socket.send_to(bytes, to)) {
            Ok(sent) => Ok(sent.is_some()),
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn local(&self) -> SocketAddrV4 {
        self.local
    }

    fn handle(&self) -> Option<OwnedFd> {
        handle(&self.socket)
    }
}

impl RealTcp {
    /// Whether the connection is made; asks the socket only until it is.
    #[inline]
    fn made(&mut self) -> io::Result<bool> {
        if self.connected {
            return Ok(true);
        }
        if let Some(error) = self.stream.take_error()? {
            return Err(error);
        }
        match self.stream.peer_addr() {
            Ok(_) => self.connected = true,
            Err(error) if error.kind() == ErrorKind::NotConnected => {}
            Err(error) => return Err(error),
        }
        Ok(self.connected)
    }
}

impl Tcp for RealTcp {
    fn read(&mut self, buffer: &mut [u8]) -> TcpRead {
        match self.made() {
            Ok(true) => {}
            Ok(false) => return TcpRead::Idle,
            Err(_) => return TcpRead::Closed,
        }
        match ready(self.stream.read(buffer)) {
            Ok(Some(0)) | Err(_) => TcpRead::Closed,
            Ok(Some(length)) => TcpRead::Bytes(length),
            Ok(None) => TcpRead::Idle,
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.made()? {
            return Ok(0);
        }
        // The standard library sends with MSG_NOSIGNAL: a broken connection is an error, never a signal.
        Ok(ready(self.stream.write(bytes))?.unwrap_or(0))
    }

    fn connected(&mut self) -> io::Result<bool> {
        self.made()
    }

    fn descriptor(&self) -> Option<i32> {
        Some(self.stream.as_raw_fd())
    }

    fn handle(&self) -> Option<OwnedFd> {
        handle(&self.stream)
    }
}

impl TcpListener for RealListener {
    fn accept(&mut self) -> io::Result<Option<(Box<dyn Tcp>, SocketAddrV4)>> {
        match ready(self.listener.accept()) {
            Ok(Some((stream, peer))) => {
                stream.set_nonblocking(true)?;
                stream.set_nodelay(true)?;
                Ok(Some((Box::new(RealTcp { stream, connected: true }), version_4(peer)?)))
            }
            Ok(None) => Ok(None),
            // The peer gave up before we looked.
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn local(&self) -> SocketAddrV4 {
        self.local
    }

    fn handle(&self) -> Option<OwnedFd> {
        handle(&self.listener)
    }
}
