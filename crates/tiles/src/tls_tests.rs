use std::net::SocketAddrV4;
use std::time::{Duration, Instant};

use super::*;
use crate::{Net, RealNet};

const WAIT: Duration = Duration::from_secs(20);

/// Certificates for these tests alone: `ca.pem` signed the server's (venue.test, 127.0.0.1) and the client's, `other.pem` neither.
fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tls_test_files").join(name)
}

fn server(asks: bool) -> TlsServer {
    let (certificate_file, key_file) = (file("server.pem"), file("server.key"));
    let client_ca_file = asks.then(|| file("ca.pem"));
    TlsServer::new(&TlsServerSettings { certificate_file, key_file, client_ca_file }, "tls").expect("sound files")
}

fn client(name: &str, ca: &str, shows: bool) -> TlsClient {
    let own = |ending: &str| shows.then(|| file(&format!("client.{ending}")));
    let (server_name, ca_file) = (name.to_owned(), file(ca));
    let settings = TlsClientSettings { server_name, ca_file, certificate_file: own("pem"), key_file: own("key") };
    TlsClient::new(&settings, "tls").expect("sound files")
}

/// Both ends of a connection as far as it comes: the handshake's outcome, and what the server read.
fn meet(server: &TlsServer, client: &TlsClient, says: &[u8]) -> (bool, Vec<u8>) {
    let net = RealNet;
    let mut listener = server.over(net.tcp_listen(SocketAddrV4::new([127, 0, 0, 1].into(), 0)).expect("a port"));
    let mut near = client.over(net.tcp_connect(listener.local()).expect("it listens")).expect("a sound name");
    let (mut far, mut heard, mut said) = (None, Vec::new(), 0);
    let (mut buffer, until) = (vec![0; 4096], Instant::now() + WAIT);
    while Instant::now() < until {
        if far.is_none() {
            far = listener.accept().expect("it listens").map(|(stream, _)| stream);
        }
        let Ok(up) = near.connected() else { return (false, heard) };
        if let Some(far) = &mut far {
            match far.read(&mut buffer) {
                TcpRead::Bytes(count) => heard.extend(&buffer[..count]),
                TcpRead::Closed => return (false, heard),
                TcpRead::Idle => {}
            }
        }
        if up && said < says.len() {
            match near.write(&says[said..]) {
                Ok(count) => said += count,
                Err(_) => return (false, heard),
            }
        }
        if matches!(near.read(&mut buffer), TcpRead::Closed) {
            return (false, heard);
        }
        if heard.len() == says.len() {
            return (true, heard);
        }
    }
    panic!("neither met nor parted");
}

#[test]
fn both_ends_meet_only_with_the_certificates_that_are_asked_for() {
    let says: Vec<u8> = (0..200_000_u32).map(|at| (at * 7) as u8).collect();
    let (open, asking) = (server(false), server(true));
    assert_eq!(meet(&open, &client("venue.test", "ca.pem", false), &says), (true, says.clone()));
    assert_eq!(meet(&open, &client("127.0.0.1", "ca.pem", false), &says), (true, says.clone()));
    assert_eq!(meet(&asking, &client("venue.test", "ca.pem", true), &says), (true, says.clone()));
    assert!(!meet(&asking, &client("venue.test", "ca.pem", false), &says).0, "no certificate");
    assert_eq!(meet(&open, &client("another.test", "ca.pem", false), b"x"), (false, vec![]));
    assert_eq!(meet(&open, &client("venue.test", "other.pem", false), b"x"), (false, vec![]));
}

#[test]
fn everything_that_is_wrong_with_the_files_is_told() {
    let settings = TlsServerSettings {
        certificate_file: file("../tls.rs"),
        key_file: file("absent.pem"),
        client_ca_file: Some(file("../tls.rs")),
    };
    let errors = TlsServer::new(&settings, "tls").expect_err("nothing is right");
    assert_eq!(errors.len(), 3, "{errors:?}");
    let client = TlsClientSettings {
        server_name: "venue.test".to_owned(),
        ca_file: file("absent.pem"),
        certificate_file: Some(file("../tls.rs")),
        key_file: None,
    };
    let errors = TlsClient::new(&client, "tls").expect_err("nothing is right");
    assert_eq!(errors.len(), 2, "{errors:?}");
}

#[test]
fn devices_pipes_and_giants_are_refused_before_they_are_read() {
    let folder = std::env::temp_dir().join(format!("tls-files-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (giant, pipe) = (folder.join("giant.pem"), folder.join("pipe.pem"));
    std::fs::File::create(&giant).unwrap().set_len(10 << 30).unwrap();
    let name = std::ffi::CString::new(pipe.to_str().unwrap()).unwrap();
    // SAFETY: the name is a C string for the whole call.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    let settings =
        TlsServerSettings { certificate_file: "/dev/zero".into(), key_file: giant, client_ca_file: Some(pipe) };
    let errors = TlsServer::new(&settings, "tls").expect_err("nothing is right");
    std::fs::remove_dir_all(&folder).unwrap();
    let wanted = ["is no regular file", "has more than 1048576 bytes", "is no regular file"];
    assert_eq!(errors.len(), 3, "{errors:?}");
    for (error, why) in errors.iter().zip(wanted) {
        assert!(error.contains(&format!("{why}; must be a PEM file")), "{error}");
    }
    let mut errors = Vec::new();
    let value = serde_json::Value::from("/dev/zero");
    assert_eq!(crate::settings::secret(&value, "password_file", "a file", &mut errors), None);
    assert!(errors[0].contains("is no regular file"), "{errors:?}");
}

#[test]
fn a_client_that_speaks_no_tls_is_closed() {
    let net = RealNet;
    let mut listener = server(false).over(net.tcp_listen(SocketAddrV4::new([127, 0, 0, 1].into(), 0)).unwrap());
    let mut near = net.tcp_connect(listener.local()).unwrap();
    let (mut far, mut buffer, until) = (None, [0; 64], Instant::now() + WAIT);
    let mut said = false;
    while Instant::now() < until {
        said = said || near.write(b"8=FIX.4.4\x019=5\x0135=A\x01").unwrap_or(0) > 0;
        if far.is_none() {
            far = listener.accept().unwrap().map(|(stream, _)| stream);
        }
        if far.as_mut().is_some_and(|far| far.read(&mut buffer) == TcpRead::Closed) {
            return;
        }
    }
    panic!("it is still open");
}
