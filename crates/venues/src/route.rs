//! The way to a venue: its address, backup hosts, TLS. What connects asks its network for a connection and knows of none of it.
//!
//! The first address is tried first; the next one after a connection from which nothing was heard; the first again after one
//! from which something was.
//!
//! Invariant: a tile that has a route connects to nothing else.

use std::cell::Cell;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::rc::Rc;

use tiles::{Net, Poller, Tcp, TcpListener, TcpRead, TlsClient, TlsClientSettings, Udp, settings};

settings! {
    /// What of a gateway's settings is about the way: keys beside `address`.
    pub struct RouteSettings {
        /// Further hosts, in the order in which they are tried.
        pub backups: Vec<SocketAddrV4> = Vec::new(), "a list of addresses such as 127.0.0.1:9000",
            |backups| backups.iter().all(|address| address.port() != 0);
        /// Absent: in the clear.
        pub tls: Option<TlsClientSettings> = None, "a table with server_name and ca_file";
    }
}

/// A network in which every connection goes the route's way.
pub struct Route {
    net: Rc<dyn Net>,
    addresses: Vec<SocketAddrV4>,
    tls: Option<TlsClient>,
    next: Cell<usize>,
    heard: Rc<Cell<bool>>,
}

impl RouteSettings {
    /// Everything that is wrong with its files, by the key under `place`.
    ///
    /// # Errors
    /// A sentence each.
    pub fn check(&self, place: &str) -> Result<(), Vec<String>> {
        self.tls.as_ref().map_or(Ok(()), |tls| TlsClient::new(tls, &format!("{place}.tls")).map(drop))
    }

    /// The network that goes this way.
    ///
    /// # Errors
    /// As [`RouteSettings::check`].
    pub fn over(&self, net: Rc<dyn Net>, address: SocketAddrV4, place: &str) -> Result<Rc<dyn Net>, Vec<String>> {
        let tls = self.tls.as_ref().map(|tls| TlsClient::new(tls, &format!("{place}.tls"))).transpose()?;
        let mut addresses = vec![address];
        addresses.extend(&self.backups);
        Ok(Rc::new(Route { net, addresses, tls, next: Cell::new(0), heard: Rc::default() }))
    }
}

struct Way {
    stream: Box<dyn Tcp>,
    heard: Rc<Cell<bool>>,
}

impl Tcp for Way {
    fn read(&mut self, buffer: &mut [u8]) -> TcpRead {
        let read = self.stream.read(buffer);
        if matches!(read, TcpRead::Bytes(_)) {
            self.heard.set(true);
        }
        read
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn connected(&mut self) -> io::Result<bool> {
        self.stream.connected()
    }

    fn descriptor(&self) -> Option<i32> {
        self.stream.descriptor()
    }
}

impl Net for Route {
    fn udp_multicast(&self, group: SocketAddrV4, interface: Ipv4Addr) -> io::Result<Box<dyn Udp>> {
        self.net.udp_multicast(group, interface)
    }

    fn udp(&self, bind: SocketAddrV4, interface: Ipv4Addr) -> io::Result<Box<dyn Udp>> {
        self.net.udp(bind, interface)
    }

    fn tcp_connect(&self, _: SocketAddrV4) -> io::Result<Box<dyn Tcp>> {
        if self.heard.take() {
            self.next.set(0);
        }
        let at = self.next.get() % self.addresses.len();
        self.next.set(at + 1);
        let mut stream = self.net.tcp_connect(self.addresses[at])?;
        if let Some(tls) = &self.tls {
            stream = tls.over(stream)?;
        }
        Ok(Box::new(Way { stream, heard: Rc::clone(&self.heard) }))
    }

    fn tcp_listen(&self, at: SocketAddrV4) -> io::Result<Box<dyn TcpListener>> {
        self.net.tcp_listen(at)
    }

    fn poller(&self) -> Option<Box<dyn Poller>> {
        self.net.poller()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use tiles::{RealNet, TlsServer, TlsServerSettings};

    use super::*;

    /// Our end, the listener that took it, its end.
    type Taken = (Box<dyn Tcp>, usize, Box<dyn Tcp>);

    /// The connection that is made next; `None`: nobody took it.
    fn taken(net: &dyn Net, listeners: &mut [Box<dyn TcpListener>]) -> Option<Taken> {
        let asked = listeners[0].local();
        let mut near = net.tcp_connect(asked).ok()?;
        let until = Instant::now() + Duration::from_secs(10);
        while Instant::now() < until {
            near.connected().ok()?;
            for (at, listener) in listeners.iter_mut().enumerate() {
                if let Some((far, _)) = listener.accept().expect("it listens") {
                    return Some((near, at, far));
                }
            }
        }
        panic!("neither taken nor refused");
    }

    #[test]
    fn the_next_host_is_tried_after_silence_and_the_first_after_words() {
        let real: Rc<dyn Net> = Rc::new(RealNet);
        let free = || real.tcp_listen(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let mut listeners = [free(), free()];
        let gone = free().local();
        let backups = vec![listeners[0].local(), listeners[1].local()];
        let route = RouteSettings { backups, tls: None }.over(Rc::clone(&real), gone, "route").expect("no files");
        let mut buffer = [0; 16];
        assert!(taken(&*route, &mut listeners).is_none(), "nobody is at the first");
        let (_, at, _) = taken(&*route, &mut listeners).expect("it listens");
        assert_eq!(at, 0);
        let (mut near, at, mut far) = taken(&*route, &mut listeners).expect("it listens");
        assert_eq!(at, 1, "the one before said nothing");
        assert_eq!(far.write(b"hello").expect("it is open"), 5);
        while near.read(&mut buffer) != TcpRead::Bytes(5) {}
        drop((near, far));
        assert!(taken(&*route, &mut listeners).is_none(), "from the first again");
    }

    #[test]
    fn a_route_over_tls_meets_a_server_of_its_authority_alone() {
        let file = |name: &str| {
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tiles/src/tls_test_files").join(name)
        };
        let about = TlsServerSettings {
            certificate_file: file("server.pem"),
            key_file: file("server.key"),
            client_ca_file: Some(file("ca.pem")),
        };
        let server = TlsServer::new(&about, "tls").expect("sound files");
        let real: Rc<dyn Net> = Rc::new(RealNet);
        let any = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
        let mut listeners = [server.over(real.tcp_listen(any).expect("a port"))];
        let mut meets = |authority: &str| {
            let tls = TlsClientSettings {
                server_name: "venue.test".to_owned(),
                ca_file: file(authority),
                certificate_file: Some(file("client.pem")),
                key_file: Some(file("client.key")),
            };
            let settings = RouteSettings { backups: Vec::new(), tls: Some(tls) };
            let route = settings.over(Rc::clone(&real), listeners[0].local(), "route").expect("sound files");
            let (mut near, _, mut far) = taken(&*route, &mut listeners).expect("it listens");
            let (mut buffer, mut said) = ([0; 16], false);
            loop {
                match near.connected() {
                    Ok(up) => said = said || up && near.write(b"hello").expect("it is open") == 5,
                    Err(_) => return false,
                }
                match far.read(&mut buffer) {
                    TcpRead::Bytes(count) => return &buffer[..count] == b"hello",
                    TcpRead::Closed => return false,
                    TcpRead::Idle => {}
                }
            }
        };
        assert!(meets("ca.pem"));
        assert!(!meets("other.pem"));
        let absent = TlsClientSettings {
            server_name: "venue.test".to_owned(),
            ca_file: file("absent.pem"),
            certificate_file: None,
            key_file: None,
        };
        let errors = RouteSettings { backups: Vec::new(), tls: Some(absent) }.check("tiles.x.settings.route");
        assert!(errors.expect_err("no file")[0].starts_with("tiles.x.settings.route.tls.ca_file = "));
    }
}
