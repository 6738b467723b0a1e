//! A FIX client of the exchange on a loopback socket: our own initiator, and what it was told.
//!
//! Invariant: everything is stepped by the test's own loop; its store outlives connections and exchanges.

use std::net::SocketAddrV4;

use exchange::{FixPortConfig, ThrottleConfig};
use sessions::fix::{Answer, Application, Connection, Inbound, MemoryStore, Next, Profile, SendError, Session, State};
use tiles::{Clock, Net, RealNet};
use wire::fix::{Builder, DataFields, Fields, Precision, SOH, Validation, Version};

use super::{House, until};

/// A port with this role, free to listen.
pub fn port(session: u32, role: &str, begin_string: &str) -> FixPortConfig {
    FixPortConfig {
        session,
        role: role.into(),
        listen: super::free_tcp(),
        begin_string: begin_string.into(),
        default_appl_ver_id: if begin_string == "FIXT.1.1" { "9".into() } else { String::new() },
        sender_comp_id: "HOUSE".into(),
        target_comp_id: format!("CLIENT{session}"),
        username: "user".into(),
        password: "secret".into(),
        owner: 0,
        self_trade: String::new(),
        cancel_on_disconnect: "none".into(),
        cancel_on_disconnect_accounts: Vec::new(),
        copies: Vec::new(),
        throttle: ThrottleConfig::default(),
        tls: None,
        log: None,
        takes_reset: true,
        heartbeat_s_max: 300,
        book_interval_ns: 0,
        reports_waiting_max: 1 << 12,
        orders_max: 1 << 12,
        store_messages_max: 1 << 14,
        store_bytes: 1 << 20,
        store_segments_max: 16,
    }
}

/// The client's side of a port.
pub fn profile(port: &FixPortConfig) -> Profile {
    let json = serde_json::json!({
        "begin_string": port.begin_string,
        "sender_comp_id": port.target_comp_id,
        "target_comp_id": port.sender_comp_id,
        "default_appl_ver_id": port.default_appl_ver_id,
        "initiator": true,
        "username": port.username,
    });
    let mut errors = Vec::new();
    let read = <Profile as tiles::settings::Setting>::read(&json, "client", "", &mut errors);
    let mut profile = read.unwrap_or_else(|| panic!("{errors:?}"));
    profile.password = port.password.clone();
    profile.replay_order_age_ns_max = Some(u64::MAX);
    profile
}

/// What a message says, tag by tag, in order.
pub type Told = Vec<(u32, String)>;

/// The first value of a tag.
pub fn value(told: &Told, tag: u32) -> &str {
    told.iter().find(|(other, _)| *other == tag).map_or("", |(_, value)| value)
}

#[derive(Default)]
struct Ear {
    told: Vec<Told>,
    raw: Vec<Vec<u8>>,
    session_words: Vec<Told>,
}

fn read(message: &wire::fix::Message<'_>) -> Told {
    message.iter().map(|(tag, value)| (tag, String::from_utf8_lossy(value).into_owned())).collect()
}

impl Application for Ear {
    fn on_message(&mut self, _: &mut Session, _: u64, inbound: &Inbound<'_>) -> Answer {
        self.told.push(read(&inbound.message));
        self.raw.push(inbound.message.bytes().to_vec());
        Answer::Taken
    }

    fn on_session_message(&mut self, _: &mut Session, _: u64, message: &wire::fix::Message<'_>) {
        self.session_words.push(read(message));
    }
}

/// The client.
pub struct FixTrader {
    pub session: Session,
    listen: SocketAddrV4,
    connection: Option<Connection>,
    ear: Ear,
    fields: Fields,
}

impl FixTrader {
    /// Of a port.
    pub fn new(port: &FixPortConfig) -> Self {
        let store = MemoryStore::with_capacity(1 << 14, 1 << 22, 1);
        let session = Session::new(profile(port), Box::new(store), None);
        let (connection, ear) = (None, Ear::default());
        Self { session, listen: port.listen, connection, ear, fields: Fields::new(1024) }
    }

    /// Of a port, beginning its numbers anew with each logon.
    pub fn resetting(port: &FixPortConfig) -> Self {
        let store = MemoryStore::with_capacity(1 << 14, 1 << 22, 1);
        let profile = Profile { reset_on_logon: true, ..profile(port) };
        Self { session: Session::new(profile, Box::new(store), None), ..Self::new(port) }
    }

    /// Connects and sends its logon.
    pub fn connect(&mut self, now_ns: u64) {
        let socket = RealNet.tcp_connect(self.listen).unwrap();
        self.connection = Some(Connection::new(socket, 16 << 10));
        self.session.connect(now_ns);
    }

    /// The connection is cut without a word.
    pub fn hang_up(&mut self, now_ns: u64) {
        self.connection = None;
        self.session.disconnected(now_ns);
    }

    /// Reads, takes, writes.
    pub fn step(&mut self, now_ns: u64) {
        let Some(connection) = &mut self.connection else { return };
        connection.read();
        let mut garbled = Default::default();
        loop {
            match connection.next(&mut garbled) {
                Next::Message(length) => {
                    let bytes = connection.bytes()[..length].to_vec();
                    self.session.receive(now_ns, &bytes, &mut self.fields, &mut self.ear);
                    connection.consume(length);
                }
                Next::Garbled => panic!("the exchange sends no garbled messages"),
                Next::Nothing => break,
            }
        }
        self.session.on_time(now_ns, &mut self.ear);
        if !self.session.output().is_empty()
            && let Some(count) = connection.write(self.session.output())
        {
            self.session.written(count);
        }
        if connection.is_over() {
            self.hang_up(now_ns);
        }
    }

    pub fn is_up(&self) -> bool {
        self.session.state() == State::Up
    }

    pub fn is_connected(&self) -> bool {
        self.connection.is_some()
    }

    /// Messages of the application so far.
    pub fn told(&self) -> &[Told] {
        &self.ear.told
    }

    /// The same, as they came.
    pub fn raw(&self) -> &[Vec<u8>] {
        &self.ear.raw
    }

    /// Rejects and logouts so far.
    pub fn session_words(&self) -> &[Told] {
        &self.ear.session_words
    }

    /// Sends a message written as `11=A|55=AAPL`; a TransactTime goes with it.
    pub fn send(&mut self, now_ns: u64, kind: &str, body: &str) -> u64 {
        self.try_send(now_ns, kind, body).unwrap()
    }

    /// Sends a message that has no TransactTime.
    pub fn send_plain(&mut self, now_ns: u64, kind: &str, body: &str) {
        let sent = self.session.send(now_ns, kind.as_bytes(), |builder: &mut Builder<'_>| {
            builder.fields(&fields(body));
        });
        sent.unwrap();
    }

    /// As [`Self::send`], while the session may be down.
    pub fn try_send(&mut self, now_ns: u64, kind: &str, body: &str) -> Result<u64, SendError> {
        self.session.send(now_ns, kind.as_bytes(), |builder: &mut Builder<'_>| {
            builder.fields(&fields(body));
            builder.time(60, now_ns, Precision::Milliseconds);
        })
    }
}

/// `11=A|55=AAPL` as fields.
fn fields(body: &str) -> Vec<u8> {
    let mut bytes: Vec<u8> = body.bytes().map(|byte| if byte == b'|' { SOH } else { byte }).collect();
    bytes.push(SOH);
    bytes
}

/// Logs on at the port of this place.
pub fn log_on(house: &mut House, at: usize) -> FixTrader {
    let mut trader = FixTrader::new(&house.config.fix_ports[at]);
    up(house, &mut trader);
    trader
}

/// Connects a trader and steps until it is logged on.
pub fn up(house: &mut House, trader: &mut FixTrader) {
    trader.connect(house.clock.now_ns());
    until(house, "a logon", |house| {
        trader.step(house.clock.now_ns());
        trader.is_up()
    });
}

/// Steps until a trader was told so many messages.
pub fn told(house: &mut House, trader: &mut FixTrader, count: usize) {
    until(house, &format!("message {count}"), |house| {
        trader.step(house.clock.now_ns());
        trader.told().len() >= count
    });
}

/// Holds everything that a trader was told against the whole dictionary of its port's version.
pub fn hold_against_dictionary(port: &FixPortConfig, trader: &FixTrader) {
    let version = match port.default_appl_ver_id.as_str() {
        "" => Version::from_name(&port.begin_string),
        code => Version::from_appl_ver_id(code.as_bytes()),
    };
    let dictionary = version.unwrap().dictionary();
    let mut fields = Fields::new(4096);
    for bytes in trader.raw() {
        fields.read(bytes, &DataFields::standard()).unwrap();
        let checked = dictionary.validate(&fields.message(bytes), &Validation::FULL);
        assert_eq!(checked.map_err(|wrong| (wrong.reason, wrong.tag)), Ok(()), "{}", String::from_utf8_lossy(bytes));
    }
}

/// What stands in a report that a table of tests looks at: the tags asked for, as `35=8|150=0`.
pub fn line(told: &Told, tags: &[u32]) -> String {
    let shown = tags.iter().filter(|tag| told.iter().any(|(other, _)| other == *tag));
    shown.map(|tag| format!("{tag}={}", value(told, *tag))).collect::<Vec<_>>().join("|")
}
