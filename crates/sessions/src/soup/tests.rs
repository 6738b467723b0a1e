use super::*;
use crate::{MemoryStore, MessageStore};

const NOW: u64 = 1_000_000_000_000;
const SESSION: [u8; 10] = *b"HOUSE00001";

fn config(first_sequence: u64) -> ClientConfig {
    ClientConfig { username: *b"MERID ", password: *b"secret    ", session: [b' '; 10], first_sequence }
}

/// Both ends and the bytes between them, cut into pieces of `piece` bytes.
struct Pair {
    client: Client,
    server: Server,
    store: MemoryStore,
    piece: usize,
    received: Vec<(u64, Vec<u8>)>,
    orders: Vec<Vec<u8>>,
    ends: Vec<End>,
}

impl Pair {
    fn new(first_sequence: u64, piece: usize) -> Self {
        let mut client = Client::new(config(first_sequence), 1 << 14);
        client.on_connected(NOW);
        Self {
            client,
            server: Server::new(NOW, 1 << 14),
            store: MemoryStore::with_capacity(1_000, 1 << 16),
            piece,
            received: Vec::new(),
            orders: Vec::new(),
            ends: Vec::new(),
        }
    }

    fn reconnect(&mut self) {
        self.client.on_disconnected();
        self.client.on_connected(NOW);
        self.server.reset(NOW);
    }

    fn step(&mut self) -> usize {
        self.server.pump(NOW, &self.store);
        let up = self.client.output().len().min(self.piece);
        self.server.space()[..up].copy_from_slice(&self.client.output()[..up]);
        self.client.written(up);
        let (mut login, orders, ends) = (None, &mut self.orders, &mut self.ends);
        self.server.on_bytes(NOW, up, &mut |event| match event {
            ServerEvent::Login { username, sequence, .. } => login = Some((username, sequence)),
            ServerEvent::Unsequenced(bytes) => orders.push(bytes.to_vec()),
            ServerEvent::Down(end) => ends.push(end),
            ServerEvent::Debug(_) => {}
        });
        if let Some((username, sequence)) = login {
            assert_eq!(username, *b"MERID ");
            self.server.accept(SESSION, sequence, &self.store);
        }
        let down = self.server.output().len().min(self.piece);
        self.client.space()[..down].copy_from_slice(&self.server.output()[..down]);
        self.server.written(down);
        let (received, ends) = (&mut self.received, &mut self.ends);
        self.client.on_bytes(NOW, down, &mut |event| match event {
            ClientEvent::Sequenced { sequence, bytes } => received.push((sequence, bytes.to_vec())),
            ClientEvent::Down(end) => ends.push(end),
            _ => {}
        });
        up + down
    }

    fn settle(&mut self) {
        while self.step() > 0 {}
    }
}

#[test]
fn messages_go_both_ways_whatever_the_pieces() {
    for piece in [1, 2, 3, 7, 50, 1000] {
        let mut pair = Pair::new(1, piece);
        pair.settle();
        assert_eq!(pair.client.state(), ClientState::Up);
        assert!(pair.client.send(NOW, b"order one"));
        assert!(pair.client.send(NOW, b""));
        (1..=5_u8).for_each(|n| assert_eq!(pair.store.append(&[n; 9]), Ok(u64::from(n))));
        pair.settle();
        assert_eq!(pair.orders, [b"order one".to_vec(), vec![]]);
        assert_eq!(pair.received.iter().map(|(n, _)| *n).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
        assert_eq!(pair.received[2].1, [3; 9]);
        assert_eq!(pair.ends, []);
    }
}

#[test]
fn a_break_at_any_byte_loses_and_repeats_nothing() {
    for broken_after in 0..200 {
        let mut pair = Pair::new(1, 1);
        (1..=9_u8).for_each(|n| assert!(pair.store.append(&[n; 5]).is_ok()));
        for _ in 0..broken_after {
            pair.step();
        }
        pair.reconnect();
        pair.settle();
        let expected: Vec<_> = (1..=9_u8).map(|n| (u64::from(n), vec![n; 5])).collect();
        assert_eq!(pair.received, expected, "broken after {broken_after} steps");
    }
}

#[test]
fn zero_asks_for_new_messages_only() {
    let mut pair = Pair::new(0, 100);
    assert!(pair.store.append(b"old").is_ok());
    pair.settle();
    assert!(pair.store.append(b"new").is_ok());
    pair.settle();
    assert_eq!(pair.received, [(2, b"new".to_vec())]);
}

#[test]
fn silence_ends_the_session_and_heartbeats_prevent_it() {
    let mut pair = Pair::new(1, 100);
    pair.settle();
    let mut ended = None;
    pair.client.on_time(NOW + HEARTBEAT_NS, &mut |_| unreachable!("a second is no silence"));
    assert_eq!(pair.client.output(), [0, 1, packet::CLIENT_HEARTBEAT]);
    pair.server.on_time(NOW + HEARTBEAT_NS, &mut |_| unreachable!("a second is no silence"));
    assert_eq!(pair.server.output(), [0, 1, packet::SERVER_HEARTBEAT]);
    pair.client.on_time(NOW + SILENCE_NS + 1, &mut |event| ended = Some(format!("{event:?}")));
    assert_eq!(ended.as_deref(), Some("Down(Silence)"));
    assert!(!pair.client.send(NOW, b"late"));
}

#[test]
fn a_refused_login_ends_the_client() {
    for (end, seen) in [(End::NotAuthorized, End::NotAuthorized), (End::NoSuchSession, End::NoSuchSession)] {
        let mut client = Client::new(config(1), 1000);
        client.on_connected(NOW);
        let mut server = Server::new(NOW, 1000);
        server.reject(end);
        let length = server.output().len();
        client.space()[..length].copy_from_slice(server.output());
        let mut ends = Vec::new();
        client.on_bytes(NOW, length, &mut |event| ends.push(format!("{event:?}")));
        assert_eq!(ends, [format!("Down({seen:?})")]);
    }
}

#[test]
fn bytes_outside_the_protocol_end_the_session_with_their_reason() {
    let hostile: &[(&[u8], End)] = &[
        (&[0, 0, b'L'], End::Length(b'L', 0)),
        (&[0xff, 0xff, b'U'], End::Length(b'U', 0xffff)),
        (&[0, 1, b'?'], End::UnexpectedType(b'?')),
        (&[0, 1, b'U'], End::UnexpectedType(b'U')), // Before a login.
        (&[0, 3, b'L', b'a', b'b'], End::Length(b'L', 3)),
    ];
    for (bytes, expected) in hostile {
        let mut server = Server::new(NOW, 1000);
        server.space()[..bytes.len()].copy_from_slice(bytes);
        let mut ends = Vec::new();
        server.on_bytes(NOW, bytes.len(), &mut |event| {
            if let ServerEvent::Down(end) = event {
                ends.push(end);
            }
        });
        assert_eq!(ends, [*expected]);
        assert_eq!(server.state(), ServerState::Down);
    }
}

#[test]
fn random_bytes_never_panic() {
    for seed in 0..2_000_u64 {
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut pair = Pair::new(1, 100);
        pair.settle();
        for _ in 0..20 {
            let mut bytes = [0; 40];
            for byte in &mut bytes {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                *byte = (random >> 56) as u8;
            }
            bytes[0] = 0;
            bytes[1] %= 40;
            bytes[2] = b"+AJSUHZLRO?"[usize::from(bytes[2]) % 11];
            pair.client.space()[..40].copy_from_slice(&bytes);
            pair.client.on_bytes(NOW, 40, &mut |_| {});
            pair.server.space()[..40].copy_from_slice(&bytes);
            pair.server.on_bytes(NOW, 40, &mut |_| {});
        }
    }
}
