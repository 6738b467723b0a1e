//! A venue in a tile: an acceptor's session and a book that does what the test says.
//!
//! Invariant: an order is taken once; what was said is resent by number; counts are this venue's own, never the gateway's.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddrV4;
use std::rc::Rc;

use sessions::fix::{
    Answer, Application, Connection, GarbledCounts, Inbound, MemoryStore, Next, Numbers, Profile, Session, State,
    Store, StoreFailed, Stored,
};
use tiles::{Context, StartError, TcpListener, Tile};
use wire::fix::{Builder, Fields, Garbled, unsigned};

/// An order as the venue has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order {
    pub names: Vec<String>,
    pub side: char,
    pub lots: i64,
    pub price: String,
    pub filled: i64,
    /// Lots times whole cents.
    pub worth_cents: i64,
    pub open: bool,
    /// OrdStatus once it is not.
    pub ended: char,
    pub symbol: String,
    pub number: u64,
}

impl Order {
    fn status(&self) -> char {
        match (self.open, self.filled) {
            (true, 0) => '0',
            (true, _) => '1',
            (false, _) => self.ended,
        }
    }

    fn leaves(&self) -> i64 {
        if self.open { self.lots - self.filled } else { 0 }
    }
}

/// An entry of a MassQuote: one side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quote {
    pub entry: String,
    pub symbol: String,
    pub side: char,
    pub price: String,
    pub lots: i64,
}

impl Quote {
    /// As its order is called in reports.
    fn name(&self) -> String {
        format!("1/{}{}", self.entry, if self.side == '1' { 'B' } else { 'S' })
    }
}

/// What the test has the venue do, in its next cycle.
#[derive(Clone, Debug)]
pub enum Do {
    /// Trades lots of the n-th order at a price in cents.
    Fill(usize, i64, i64),
    /// Breaks the execution of this ExecID, of the n-th order, with its lots.
    Bust(usize, &'static str, i64),
    /// Corrects its price to so many cents.
    Correct(usize, &'static str, i64, i64),
    /// Takes the n-th order off without being asked, for this ExecRestatementReason.
    TakeOff(usize, u32),
    /// Leaves the n-th order with so many lots in all.
    Restate(usize, i64),
    /// Says the last report, the first fill of the n-th order, once more under a new number, marked so (97=Y).
    Again(usize, i64, i64),
    /// The same, not marked: it was lost before, and comes late.
    Late(usize, i64, i64),
    /// What it has to say from now on is lost before it has a number.
    Mute(bool),
    /// It forgets the n-th order.
    Forget(usize),
}

/// The venue's ways that a test may change.
#[derive(Clone, Debug, Default)]
pub struct Ways {
    /// Answers new orders with a reject for this OrdRejReason.
    pub rejects: Option<u32>,
    /// Refuses cancels and replaces for this CxlRejReason.
    pub refuses: Option<u32>,
    /// Messages of these types are answered with a business reject.
    pub unsupported: Vec<&'static str>,
    /// Does not answer messages of these types.
    pub ignores: Vec<&'static str>,
    /// Refuses new entries of quotes whose price is this, for this QuoteEntryRejectReason.
    pub refuses_quotes: Option<(&'static str, u32)>,
    /// Refuses sets of quotes whole, for this QuoteRejectReason.
    pub refuses_sets: Option<u32>,
    /// A report of a quote names its entry (299) alone, not as a ClOrdID.
    pub names_entries: bool,
    /// Statuses do not tell of quotes.
    pub hides_quotes: bool,
}

#[derive(Default)]
pub struct Books {
    pub orders: Vec<Order>,
    pub script: VecDeque<Do>,
    pub ways: Ways,
    /// Every message that was taken, type and fields.
    pub taken: Vec<(String, BTreeMap<u32, String>)>,
    /// Entries of each MassQuote, in order: entry, symbol, side, price, size.
    pub quotes: Vec<Vec<Quote>>,
    /// Messages that came with PossDupFlag.
    pub duplicates: usize,
    executions: u64,
    muted: bool,
}

/// A store that outlives its session.
#[derive(Clone)]
pub struct SharedStore(pub Rc<RefCell<MemoryStore>>, Vec<u8>);

impl SharedStore {
    pub fn new(now_ns: u64) -> Self {
        Self(Rc::new(RefCell::new(MemoryStore::with_capacity(20_000, 4 << 20, now_ns))), Vec::new())
    }
}

impl Store for SharedStore {
    fn numbers(&self) -> Numbers {
        self.0.borrow().numbers()
    }
    fn append(&mut self, sequence: u64, now_ns: u64, message: &[u8]) -> Result<(), StoreFailed> {
        self.0.borrow_mut().append(sequence, now_ns, message)
    }
    fn set_incoming(&mut self, next: u64) {
        self.0.borrow_mut().set_incoming(next);
    }
    fn set_outgoing(&mut self, next: u64) {
        self.0.borrow_mut().set_outgoing(next);
    }
    fn read(&mut self, sequence: u64) -> Stored<'_> {
        let mut store = self.0.borrow_mut();
        let Stored::Message { bytes, stored_ns } = store.read(sequence) else { return Stored::Missing };
        self.1 = bytes.to_vec();
        Stored::Message { bytes: &self.1, stored_ns }
    }
    fn reset(&mut self, now_ns: u64) -> Result<(), StoreFailed> {
        self.0.borrow_mut().reset(now_ns)
    }
}

pub struct VenueTile {
    context: Context,
    listen: SocketAddrV4,
    listener: Option<Box<dyn TcpListener>>,
    connection: Option<Connection>,
    session: Session,
    fields: Fields,
    garbled: GarbledCounts,
    books: Rc<RefCell<Books>>,
}

impl VenueTile {
    pub fn new(
        context: Context,
        listen: SocketAddrV4,
        profile: Profile,
        store: SharedStore,
        books: Rc<RefCell<Books>>,
    ) -> Self {
        let session = Session::new(profile, Box::new(store), None);
        let (fields, garbled) = (Fields::default(), [0; Garbled::COUNT]);
        Self { context, listen, listener: None, connection: None, session, fields, garbled, books }
    }
}

impl Tile for VenueTile {
    fn name(&self) -> &str {
        "venue"
    }

    fn on_start(&mut self, _: u64) -> Result<(), StartError> {
        self.listener = Some(self.context.net.tcp_listen(self.listen)?);
        Ok(())
    }

    fn do_work(&mut self, now_ns: u64) -> usize {
        let came = self.listener.as_mut().and_then(|listener| listener.accept().ok().flatten());
        if let Some((socket, _)) = came {
            self.session.disconnected(now_ns);
            self.connection = Some(Connection::new(socket, 16 << 10));
            self.session.connect(now_ns);
        }
        let mut book = Venue { books: &mut self.books.borrow_mut() };
        while self.session.state() == State::Up
            && let Some(next) = book.books.script.pop_front()
        {
            book.act(&mut self.session, now_ns, next);
        }
        let Some(connection) = &mut self.connection else { return 0 };
        connection.read();
        while self.session.state() != State::Down
            && let Next::Message(length) = connection.next(&mut self.garbled)
        {
            self.session.receive(now_ns, &connection.bytes()[..length], &mut self.fields, &mut book);
            connection.consume(length);
        }
        self.session.on_time(now_ns, &mut book);
        let mut over = connection.is_over();
        while !self.session.output().is_empty() && !over {
            match connection.write(self.session.output()) {
                Some(0) => break,
                Some(count) => self.session.written(count),
                None => over = true,
            }
        }
        if over || self.session.state() == State::Down && self.session.output().is_empty() {
            self.session.disconnected(now_ns);
            self.connection = None;
        }
        0
    }

    fn on_close(&mut self, _: u64) {}
}

struct Venue<'a> {
    books: &'a mut Books,
}

type Body<'a> = &'a dyn Fn(&mut Builder<'_>);

impl Venue<'_> {
    fn say(&mut self, session: &mut Session, now_ns: u64, kind: &[u8], body: Body<'_>) {
        if !self.books.muted {
            session.send(now_ns, kind, |builder| body(builder)).expect("the venue's own session is up");
        }
    }

    /// An execution report about an order.
    fn report(&mut self, session: &mut Session, now_ns: u64, at: usize, what: char, more: Body<'_>) {
        self.books.executions += 1;
        let (execution, order) = (self.books.executions, self.books.orders[at].clone());
        let old = session.profile().begin_string == "FIX.4.2";
        let (kind, transaction) = match (old, what) {
            (true, 'F') if order.leaves() == 0 => ('2', '0'),
            (true, 'F') => ('1', '0'),
            (true, 'H') => (order.status(), '1'),
            (true, 'G') => (order.status(), '2'),
            (true, 'I') => (order.status(), '3'),
            (_, what) => (what, '0'),
        };
        let average = if order.filled == 0 { 0 } else { order.worth_cents * 10_000_000 / order.filled };
        let names_entries = self.books.ways.names_entries;
        let mut letters = [0; 4];
        let mut text = |letter: char| letter.encode_utf8(&mut letters).as_bytes().to_vec();
        let (kind, transaction, status, side) = (text(kind), text(transaction), text(order.status()), text(order.side));
        self.say(session, now_ns, b"8", &|body| {
            body.unsigned(37, order.number).unsigned(17, execution);
            if old {
                body.field(20, &transaction);
            }
            let name = order.names.last().expect("it has a name");
            match name.strip_prefix("1/") {
                Some(entry) if names_entries => body.field(299, &entry.as_bytes()[..13]),
                _ => body.field(11, name.as_bytes()),
            };
            if what == '5' {
                body.field(41, order.names[order.names.len() - 2].as_bytes());
            }
            body.field(150, &kind).field(39, &status).field(55, order.symbol.as_bytes()).field(54, &side);
            body.unsigned(38, order.lots as u64);
            if !order.price.is_empty() {
                body.field(44, order.price.as_bytes());
            }
            body.unsigned(151, order.leaves() as u64).unsigned(14, order.filled as u64).decimal(6, average);
            more(body);
            body.time(60, now_ns, wire::fix::Precision::Nanoseconds);
        });
    }

    fn act(&mut self, session: &mut Session, now_ns: u64, next: Do) {
        match next {
            Do::Fill(at, lots, cents) => {
                let order = &mut self.books.orders[at];
                order.filled += lots;
                order.worth_cents += lots * cents;
                if order.filled == order.lots {
                    (order.open, order.ended) = (false, '2');
                }
                self.report(session, now_ns, at, 'F', &|body| {
                    body.unsigned(32, lots as u64).decimal(31, cents * 10_000_000).unsigned(851, 1);
                });
            }
            Do::Bust(at, execution, lots) => {
                let order = &mut self.books.orders[at];
                order.worth_cents -= order.worth_cents * lots / order.filled;
                order.filled -= lots;
                self.report(session, now_ns, at, 'H', &|body| {
                    body.field(19, execution.as_bytes()).unsigned(32, lots as u64).decimal(31, 0);
                });
            }
            Do::Correct(at, execution, lots, cents) => self.report(session, now_ns, at, 'G', &|body| {
                body.field(19, execution.as_bytes()).unsigned(32, lots as u64).decimal(31, cents * 10_000_000);
            }),
            Do::TakeOff(at, reason) => {
                (self.books.orders[at].open, self.books.orders[at].ended) = (false, '4');
                self.report(session, now_ns, at, '4', &|body| {
                    body.unsigned(378, u64::from(reason));
                });
            }
            Do::Restate(at, lots) => {
                self.books.orders[at].lots = lots;
                self.report(session, now_ns, at, 'D', &|body| {
                    body.unsigned(378, 5);
                });
            }
            Do::Again(at, lots, cents) | Do::Late(at, lots, cents) => {
                let execution = self.books.executions;
                let order = self.books.orders[at].clone();
                let again = matches!(next, Do::Again(..));
                self.say(session, now_ns, b"8", &|body| {
                    if again {
                        body.header_field(97, b"Y");
                    }
                    body.unsigned(37, order.number).unsigned(17, execution);
                    body.field(11, order.names[0].as_bytes()).field(150, b"F").field(39, b"1").field(54, b"1");
                    body.unsigned(32, lots as u64).decimal(31, cents * 10_000_000);
                    body.unsigned(151, (order.lots - lots) as u64).unsigned(14, lots as u64).unsigned(6, 0);
                });
            }
            Do::Mute(muted) => self.books.muted = muted,
            Do::Forget(at) => self.books.orders[at].names = vec!["nobody's".to_owned()],
        }
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.books.orders.iter().position(|order| order.names.last().is_some_and(|last| last == name))
    }

    fn refuse(&mut self, session: &mut Session, now_ns: u64, asked: &Asked, reason: u32, of_replace: bool) {
        let (client, original) = (asked.text(11), asked.text(41));
        let status = self.place(&original).map_or('8', |at| self.books.orders[at].status()).to_string();
        self.say(session, now_ns, b"9", &|body| {
            body.field(37, b"NONE").field(11, client.as_bytes()).field(41, original.as_bytes());
            body.field(39, status.as_bytes()).field(434, if of_replace { b"2" } else { b"1" });
            body.unsigned(102, u64::from(reason));
        });
    }

    fn enter(&mut self, session: &mut Session, now_ns: u64, asked: &Asked) {
        let known = self.books.orders.iter().any(|order| order.names.contains(&asked.text(11)));
        assert!(!known, "an order came twice: {asked:?}");
        let number = self.books.orders.len() as u64 + 1;
        let rejects = self.books.ways.rejects;
        self.books.orders.push(Order {
            names: vec![asked.text(11)],
            side: asked.text(54).chars().next().expect("a side"),
            lots: asked.number(38),
            price: asked.text(44),
            open: rejects.is_none(),
            ended: '8',
            symbol: asked.text(55),
            number,
            ..Order::default()
        });
        let at = self.books.orders.len() - 1;
        match rejects {
            Some(reason) => self.report(session, now_ns, at, '8', &|body| {
                body.unsigned(103, u64::from(reason)).field(58, b"no");
            }),
            None => self.report(session, now_ns, at, '0', &|_| ()),
        }
    }

    fn change(&mut self, session: &mut Session, now_ns: u64, asked: &Asked, replaces: bool) {
        let found = self.place(&asked.text(41));
        if let Some(reason) = self.books.ways.refuses {
            return self.refuse(session, now_ns, asked, reason, replaces);
        }
        let Some(at) = found else { return self.refuse(session, now_ns, asked, 1, replaces) };
        let order = &mut self.books.orders[at];
        if !order.open || replaces && asked.number(38) <= order.filled {
            return self.refuse(session, now_ns, asked, 0, replaces);
        }
        if replaces {
            (order.lots, order.price) = (asked.number(38), asked.text(44));
            order.names.push(asked.text(11));
            return self.report(session, now_ns, at, '5', &|_| ());
        }
        (order.open, order.ended) = (false, '4');
        let (client, original) = (asked.text(11), asked.text(41));
        self.books.orders[at].names.push(client);
        self.report(session, now_ns, at, '4', &|body| {
            body.field(41, original.as_bytes());
        });
        self.books.orders[at].names.pop();
    }

    fn statuses(&mut self, session: &mut Session, now_ns: u64, asked: &Asked) {
        let told = |order: &Order| order.open && !(self.books.ways.hides_quotes && order.names[0].contains('/'));
        let open: Vec<usize> = (0..self.books.orders.len()).filter(|at| told(&self.books.orders[*at])).collect();
        let id = asked.text(584);
        if open.is_empty() {
            return self.say(session, now_ns, b"8", &|body| {
                body.field(37, b"NONE").field(17, b"0").field(150, b"I").field(39, b"8").field(584, id.as_bytes());
                body.unsigned(911, 0).boolean(912, true).unsigned(151, 0).unsigned(14, 0).unsigned(6, 0);
            });
        }
        for (count, at) in open.iter().enumerate() {
            let last = count + 1 == open.len();
            let total = open.len() as u64;
            self.report(session, now_ns, *at, 'I', &|body| {
                body.field(584, id.as_bytes()).unsigned(911, total).boolean(912, last);
            });
        }
    }

    fn status(&mut self, session: &mut Session, now_ns: u64, asked: &Asked) {
        let hidden = self.books.ways.hides_quotes && asked.text(11).contains('/');
        if let Some(at) = self.place(&asked.text(11)).filter(|_| !hidden) {
            return self.report(session, now_ns, at, 'I', &|_| ());
        }
        let (client, symbol) = (asked.text(11), asked.text(55));
        let old = session.profile().begin_string == "FIX.4.2";
        self.say(session, now_ns, b"8", &|body| {
            body.field(37, b"NONE").field(11, client.as_bytes()).field(17, b"0");
            if old {
                body.field(20, b"3").field(150, b"8");
            } else {
                body.field(150, b"I");
            }
            body.field(39, b"8").field(55, symbol.as_bytes()).field(54, b"1");
            body.unsigned(151, 0).unsigned(14, 0).unsigned(6, 0).field(58, b"unknown order");
        });
    }

    fn cancel_many(&mut self, session: &mut Session, now_ns: u64, asked: &Asked) {
        let (id, scope, side) = (asked.text(11), asked.text(530), asked.text(54));
        let meant: Vec<usize> = (0..self.books.orders.len())
            .filter(|at| {
                let order = &self.books.orders[*at];
                order.open
                    && (scope == "7" || order.symbol == asked.text(55))
                    && (side.is_empty() || side == order.side.to_string())
            })
            .collect();
        for at in &meant {
            (self.books.orders[*at].open, self.books.orders[*at].ended) = (false, '4');
            self.report(session, now_ns, *at, '4', &|_| ());
        }
        let total = meant.len() as u64;
        self.say(session, now_ns, b"r", &|body| {
            body.field(11, id.as_bytes()).field(37, b"1").field(530, scope.as_bytes()).field(531, scope.as_bytes());
            body.unsigned(533, total);
        });
    }
}

impl Venue<'_> {
    /// Takes a MassQuote as the house exchange does: a refused entry is answered at once, the rest when all is done.
    fn quote(&mut self, session: &mut Session, now_ns: u64, id: &str, quotes: Vec<Quote>) {
        let answer = |body: &mut Builder<'_>, status: &[u8]| {
            body.field(117, id.as_bytes()).field(297, status);
        };
        if let Some(reason) = self.books.ways.refuses_sets {
            return self.say(session, now_ns, b"b", &|body| {
                answer(body, b"5");
                body.unsigned(300, u64::from(reason));
            });
        }
        for quote in &quotes {
            let known = self.place(&quote.name());
            assert!(quote.lots == 0 || known.is_none(), "a quote came twice: {quote:?}");
            match (known, self.books.ways.refuses_quotes) {
                (_, Some((price, reason))) if price == quote.price => self.say(session, now_ns, b"b", &|body| {
                    answer(body, b"5");
                    body.unsigned(296, 1).field(302, b"1").unsigned(295, 1).field(299, quote.entry.as_bytes());
                    body.unsigned(368, u64::from(reason));
                }),
                (Some(at), _) => self.pull(at),
                (None, _) if quote.lots == 0 => {}
                (None, _) => {
                    let number = self.books.orders.len() as u64 + 1;
                    self.books.orders.push(Order {
                        names: vec![quote.name()],
                        side: quote.side,
                        lots: quote.lots,
                        price: quote.price.clone(),
                        open: true,
                        symbol: quote.symbol.clone(),
                        number,
                        ..Order::default()
                    });
                }
            }
        }
        self.books.quotes.push(quotes);
        self.say(session, now_ns, b"b", &|body| answer(body, b"0"));
    }

    fn pull(&mut self, at: usize) {
        let order = &mut self.books.orders[at];
        if order.open {
            (order.open, order.ended) = (false, '4');
        }
    }

    fn pull_quotes(&mut self, session: &mut Session, now_ns: u64, asked: &Asked) {
        assert_eq!(asked.text(298), "4");
        for at in 0..self.books.orders.len() {
            if self.books.orders[at].names[0].contains('/') {
                self.pull(at);
            }
        }
        self.say(session, now_ns, b"b", &|body| {
            body.field(117, asked.text(117).as_bytes()).field(297, b"4");
        });
    }
}

/// The entries of a MassQuote, each with one side.
fn entries(inbound: &Inbound<'_>) -> Vec<Quote> {
    let mut quotes: Vec<Quote> = Vec::new();
    for (tag, value) in inbound.message.iter() {
        let text = String::from_utf8_lossy(value).into_owned();
        if tag == 299 {
            quotes.push(Quote { entry: text, ..Quote::default() });
            continue;
        }
        let Some(quote) = quotes.last_mut() else { continue };
        match tag {
            55 => quote.symbol = text,
            132 | 133 => (quote.price, quote.side) = (text, if tag == 132 { '1' } else { '2' }),
            134 | 135 => quote.lots = text.parse().expect("lots"),
            _ => {}
        }
    }
    quotes
}

/// A message that was taken, by tag.
#[derive(Debug)]
struct Asked(BTreeMap<u32, String>);

impl Asked {
    fn text(&self, tag: u32) -> String {
        self.0.get(&tag).cloned().unwrap_or_default()
    }

    fn number(&self, tag: u32) -> i64 {
        unsigned(self.text(tag).as_bytes()).unwrap_or(0) as i64
    }
}

impl Application for Venue<'_> {
    fn on_message(&mut self, session: &mut Session, now_ns: u64, inbound: &Inbound<'_>) -> Answer {
        let kind = String::from_utf8_lossy(inbound.message.kind()).into_owned();
        let values = inbound.message.iter().map(|(tag, value)| (tag, String::from_utf8_lossy(value).into_owned()));
        let asked = Asked(values.collect());
        self.books.duplicates += usize::from(inbound.poss_dup);
        self.books.taken.push((kind.clone(), asked.0.clone()));
        if self.books.ways.unsupported.contains(&&*kind) {
            return Answer::Unsupported;
        }
        if self.books.ways.ignores.contains(&&*kind) {
            return Answer::Taken;
        }
        match &*kind {
            "D" => self.enter(session, now_ns, &asked),
            "F" => self.change(session, now_ns, &asked, false),
            "G" => self.change(session, now_ns, &asked, true),
            "q" => self.cancel_many(session, now_ns, &asked),
            "H" => self.status(session, now_ns, &asked),
            "AF" => self.statuses(session, now_ns, &asked),
            "i" => self.quote(session, now_ns, &asked.text(117), entries(inbound)),
            "Z" => self.pull_quotes(session, now_ns, &asked),
            _ => return Answer::Unsupported,
        }
        Answer::Taken
    }
}
