//! TLS over any stream: the same [`Tcp`] to whoever reads and writes, so that sessions do not know of it.
//!
//! Both sides: a server with its certificate, which asks for the client's where an authority is named; a client that holds the
//! server's certificate against an authority and shows its own where it has one. What the peer must be is settled before a byte
//! of the session passes.
//!
//! Invariant: nothing is read or written in the clear. A stream takes bytes only while fewer than one record of what it took before
//! waits for the socket. TLS allocates as it works: a session over it is not the path of an order that counts nanoseconds.

use std::io::{self, Read, Write};
use std::net::SocketAddrV4;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ClientConnection, Connection, RootCertStore, ServerConfig, ServerConnection};

use crate::settings::read_plain;
use crate::{Tcp, TcpListener, TcpRead, settings};

settings! {
    /// A listener's side.
    pub struct TlsServerSettings {
        /// Its certificate and those up to the authority's, PEM.
        pub certificate_file: PathBuf, "a PEM file with the server's certificate";
        /// Its key, PEM.
        pub key_file: PathBuf, "a PEM file with the certificate's key";
        /// Whose certificates clients must show; absent: they need none.
        pub client_ca_file: Option<PathBuf> = None, "a PEM file with the authority of the clients' certificates";
    }
}

settings! {
    /// A connector's side.
    pub struct TlsClientSettings {
        /// The name that the server's certificate must bear, or its address.
        pub server_name: String, "the name or address in the server's certificate",
            |name| ServerName::try_from(name.clone()).is_ok();
        /// Whose certificate the server must show.
        pub ca_file: PathBuf, "a PEM file with the authority of the server's certificate";
        /// Our certificate; absent: none is shown.
        pub certificate_file: Option<PathBuf> = None, "a PEM file with our certificate";
        /// Its key.
        pub key_file: Option<PathBuf> = None, "a PEM file with our certificate's key";
    }
}

/// Bytes taken from the socket at a time: a record and its head.
const RECORD_BYTES_MAX: usize = 16 << 10;
/// A PEM file at most: every authority that systems know has its place in a quarter of it.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A listener's side, ready.
#[derive(Clone, Debug)]
pub struct TlsServer(Arc<ServerConfig>);

/// A connector's side, ready.
#[derive(Clone, Debug)]
pub struct TlsClient {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

fn refused(errors: &mut Vec<String>, place: &str, key: &str, path: &Path, why: &str) {
    errors.push(format!("{place}.{key} = {:?}: {why}", path.display().to_string()));
}

/// The bytes of a file, or what keeps it from being one of TLS.
fn read(path: &Path) -> Result<Vec<u8>, String> {
    let read = read_plain(path, FILE_BYTES_MAX);
    read.map_err(|error| format!("{}; must be a PEM file that can be read", crate::reason(&error)))
}

fn nothing(_: rustls::pki_types::pem::Error) -> String {
    "holds nothing of the kind; must be a PEM file".to_owned()
}

fn certificates(place: &str, key: &str, path: &Path, errors: &mut Vec<String>) -> Option<Vec<CertificateDer<'static>>> {
    let parsed =
        |bytes: Vec<u8>| CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>().map_err(nothing);
    match read(path).and_then(parsed) {
        Ok(found) if !found.is_empty() => return Some(found),
        Ok(_) => refused(errors, place, key, path, "holds no certificate; must be a PEM file with one"),
        Err(why) => refused(errors, place, key, path, &why),
    }
    None
}

fn private_key(place: &str, path: &Path, errors: &mut Vec<String>) -> Option<PrivateKeyDer<'static>> {
    let parsed = read(path).and_then(|bytes| PrivateKeyDer::from_pem_slice(&bytes).map_err(nothing));
    parsed.map_err(|why| refused(errors, place, "key_file", path, &why)).ok()
}

fn authority(place: &str, key: &str, path: &Path, errors: &mut Vec<String>) -> Option<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(place, key, path, errors)? {
        if let Err(error) = roots.add(certificate) {
            refused(errors, place, key, path, &format!("{error}; must be the certificate of an authority"));
            return None;
        }
    }
    Some(roots)
}

impl TlsServer {
    /// Reads the files.
    ///
    /// # Errors
    /// Everything that is wrong with them, a sentence each, by the key under `place`.
    pub fn new(settings: &TlsServerSettings, place: &str) -> Result<Self, Vec<String>> {
        let mut errors = Vec::new();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let chain = certificates(place, "certificate_file", &settings.certificate_file, &mut errors);
        let key = private_key(place, &settings.key_file, &mut errors);
        let clients = settings.client_ca_file.as_deref();
        let roots = clients.map(|path| authority(place, "client_ca_file", path, &mut errors));
        let (Some(chain), Some(key), None | Some(Some(_))) = (chain, key, &roots) else { return Err(errors) };
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("ring has suites for TLS 1.2 and 1.3");
        let builder = match roots.flatten() {
            None => builder.with_no_client_auth(),
            Some(roots) => {
                let made = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
                let verifier = made.map_err(|error| vec![format!("{place}.client_ca_file: {error}")])?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let config = builder.with_single_cert(chain, key);
        config.map(|config| Self(Arc::new(config))).map_err(|error| vec![format!("{place}.key_file: {error}")])
    }

    /// The listener whose streams speak TLS.
    pub fn over(&self, listener: Box<dyn TcpListener>) -> Box<dyn TcpListener> {
        Box::new(TlsListener { listener, server: self.clone() })
    }
}

impl TlsClient {
    /// Reads the files.
    ///
    /// # Errors
    /// As [`TlsServer::new`].
    pub fn new(settings: &TlsClientSettings, place: &str) -> Result<Self, Vec<String>> {
        let mut errors = Vec::new();
        let roots = authority(place, "ca_file", &settings.ca_file, &mut errors);
        let own = match (&settings.certificate_file, &settings.key_file) {
            (None, None) => None,
            (Some(chain), Some(key)) => {
                let chain = certificates(place, "certificate_file", chain, &mut errors);
                chain.zip(private_key(place, key, &mut errors))
            }
            (Some(_), None) => {
                errors.push(format!("{place}.key_file: is missing; certificate_file needs its key"));
                None
            }
            (None, Some(_)) => {
                errors.push(format!("{place}.certificate_file: is missing; key_file needs its certificate"));
                None
            }
        };
        let Some(roots) = roots.filter(|_| errors.is_empty()) else { return Err(errors) };
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has suites for TLS 1.2 and 1.3")
            .with_root_certificates(roots);
        let config = match own {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                builder.with_client_auth_cert(chain, key).map_err(|error| vec![format!("{place}.key_file: {error}")])?
            }
        };
        let name = ServerName::try_from(settings.server_name.clone()).expect("the settings take no other");
        Ok(Self { config: Arc::new(config), name })
    }

    /// The stream through which this one speaks TLS.
    ///
    /// # Errors
    /// When TLS cannot begin with this configuration.
    pub fn over(&self, socket: Box<dyn Tcp>) -> io::Result<Box<dyn Tcp>> {
        let made = ClientConnection::new(Arc::clone(&self.config), self.name.clone());
        let connection = Connection::Client(made.map_err(io::Error::other)?);
        Ok(Box::new(TlsStream { socket, connection, over: false }))
    }
}

struct TlsListener {
    listener: Box<dyn TcpListener>,
    server: TlsServer,
}

impl TcpListener for TlsListener {
    fn accept(&mut self) -> io::Result<Option<(Box<dyn Tcp>, SocketAddrV4)>> {
        let Some((socket, peer)) = self.listener.accept()? else { return Ok(None) };
        let made = ServerConnection::new(Arc::clone(&self.server.0)).map_err(io::Error::other)?;
        let stream = TlsStream { socket, connection: Connection::Server(made), over: false };
        Ok(Some((Box::new(stream), peer)))
    }

    fn local(&self) -> SocketAddrV4 {
        self.listener.local()
    }

    fn handle(&self) -> Option<OwnedFd> {
        self.listener.handle()
    }
}

struct TlsStream {
    socket: Box<dyn Tcp>,
    connection: Connection,
    /// The peer closed, or what it says is no TLS: nothing more is read.
    over: bool,
}

/// The socket as rustls reads and writes it.
struct Raw<'a>(&'a mut dyn Tcp);

impl Read for Raw<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer) {
            TcpRead::Bytes(count) => Ok(count),
            TcpRead::Idle => Err(io::ErrorKind::WouldBlock.into()),
            TcpRead::Closed => Ok(0),
        }
    }
}

impl Write for Raw<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.write(bytes)? {
            0 if !bytes.is_empty() => Err(io::ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a call that would block gives as 0.
fn or_none(result: io::Result<usize>) -> io::Result<usize> {
    result.or_else(|error| if error.kind() == io::ErrorKind::WouldBlock { Ok(0) } else { Err(error) })
}

impl TlsStream {
    /// Writes what waits for the socket; whether all is written.
    fn flush(&mut self) -> io::Result<bool> {
        while self.connection.wants_write() {
            if or_none(self.connection.write_tls(&mut Raw(&mut *self.socket)))? == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads a record or a part of one, and sees what it means; whether anything came.
    fn take(&mut self) -> bool {
        let came = match self.connection.read_tls(&mut Raw(&mut *self.socket)) {
            Ok(0) => {
                self.over = true;
                false
            }
            Ok(_) => true,
            Err(error) => {
                self.over |= error.kind() != io::ErrorKind::WouldBlock;
                false
            }
        };
        if came && self.connection.process_new_packets().is_err() {
            self.over = true; // The alert that says why is flushed below.
        }
        came
    }
}

impl Tcp for TlsStream {
    fn read(&mut self, buffer: &mut [u8]) -> TcpRead {
        loop {
            match self.connection.reader().read(buffer) {
                Ok(count) if count > 0 => return TcpRead::Bytes(count),
                Ok(_) => return TcpRead::Closed,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && !self.over => {}
                Err(_) => return TcpRead::Closed,
            }
            let came = self.take();
            if self.flush().is_err() {
                self.over = true;
            }
            if !came && !self.over {
                return TcpRead::Idle;
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.flush()? || self.connection.is_handshaking() {
            return Ok(0);
        }
        let taken = self.connection.writer().write(&bytes[..bytes.len().min(RECORD_BYTES_MAX)])?;
        self.flush()?;
        Ok(taken)
    }

    fn connected(&mut self) -> io::Result<bool> {
        if !self.socket.connected()? {
            return Ok(false);
        }
        while self.connection.is_handshaking() && self.take() {}
        let _later_where_not_all = self.flush()?;
        if self.over && self.connection.is_handshaking() {
            return Err(io::Error::other("the other side does not agree on TLS"));
        }
        Ok(!self.connection.is_handshaking())
    }
}

impl Drop for TlsStream {
    fn drop(&mut self) {
        self.connection.send_close_notify();
        let _as_far_as_it_goes = self.flush();
    }
}

#[cfg(test)]
#[path = "tls_tests.rs"]
mod tests;
