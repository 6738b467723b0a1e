//! The drop-copy reader: a FIX session on which a venue repeats what it says to others, written down for reconciliation.
//!
//! Each report (8) becomes the record that a gateway would make of it ([`records::OrderEvent`]), by the report alone: what the
//! engine was told has no part in it.
//!
//! Invariant: a report is journaled before its number counts as received, so a death loses none; one that comes twice has the
//! same number, and the second is marked (`possible_duplicate`). While the journal has no room nothing is read.

use std::net::SocketAddrV4;
use std::rc::Rc;

use journal::{Identity, JournalConfig, JournalError, Writer};
use links::Counter;
use records::{OrderEvent, Stamp, bytes_of};
use sessions::fix::{Answer, Application, Inbound, Session, State};
use tiles::{Context, Net, StartError, Storage, Tile};
use wire::fix::Garbled;

use super::ending::EndingFile;
use super::messages::{ClientId, Symbol, Voice};
use super::orders::{Came, FixOrders};
use super::report::Report;
use super::stream::{FixStream, Taker};
use super::{Dialect, Level};
use crate::gateway::socket::{Happened, Socket};
use crate::samples::SamplesFile;

/// Bad messages kept for inspection at once, and in all.
const SAMPLES: (usize, u64) = (64, 10_000);

/// What a drop-copy reader needs to know.
#[derive(Clone, Debug)]
pub struct DropCopyConfig {
    /// The tile's name.
    pub name: String,
    /// Venue id.
    pub venue: u16,
    /// Session id, for `header.source`.
    pub source: u32,
    /// Where the venue listens.
    pub address: SocketAddrV4,
    /// Instruments and their symbols.
    pub symbols: Vec<(u32, Symbol)>,
    /// The venue's ways.
    pub dialect: Dialect,
    /// Pause before connecting again.
    pub reconnect_ns: u64,
    /// Size of a segment of the journal.
    pub journal_segment_bytes: usize,
}

/// The tile.
pub struct DropCopyTile {
    config: DropCopyConfig,
    net: Rc<dyn Net>,
    storage: Rc<dyn Storage>,
    socket: Socket,
    stream: FixStream,
    book: Book,
    state: Counter,
    connects: Counter,
    samples: Option<SamplesFile>,
}

/// What reports are written to.
struct Book {
    fix: FixOrders,
    journal: Option<Writer>,
    next: u64,
    ready: bool,
    sampler: wire::Sampler,
    reports: Counter,
    unasked: Counter,
    malformed: Counter,
}

impl DropCopyTile {
    /// Takes its memory.
    pub fn new(config: DropCopyConfig, session: Session, context: &Context) -> Self {
        let profile = session.profile();
        let voice = Voice::new(config.dialect.clone(), Level::of(profile), profile.precision());
        let mut fix = FixOrders::new((config.venue, config.source), config.symbols.clone(), voice, 1);
        fix.adopts = false;
        let counters = &context.counters;
        let book = Book {
            fix,
            journal: None,
            next: 1,
            ready: false,
            sampler: wire::Sampler::new(SAMPLES.0, SAMPLES.1),
            reports: counters.counter("drop_copy.reports"),
            unasked: counters.counter("drop_copy.messages_unasked"),
            malformed: counters.counter("drop_copy.messages_malformed"),
        };
        Self {
            net: context.net.clone(),
            storage: context.storage.clone(),
            socket: Socket::new(config.address, config.reconnect_ns),
            stream: FixStream::new(session, &counters.scope("drop_copy.fix")),
            book,
            state: counters.counter("drop_copy.state"),
            connects: counters.counter("drop_copy.connects"),
            samples: None,
            config,
        }
    }
}

impl Tile for DropCopyTile {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn on_start(&mut self, _: u64) -> Result<(), StartError> {
        let segment_bytes = self.config.journal_segment_bytes;
        let said = |error: JournalError| StartError(format!("tile {}: journal: {error}", self.config.name));
        let next = journal::resume(&*self.storage, segment_bytes, &mut |_, _| ()).map_err(said)?;
        let config = JournalConfig { segment_bytes, next, ..JournalConfig::new(Identity::default()) };
        self.book.next = next.1;
        self.book.journal = Some(Writer::create(self.storage.clone(), config)?);
        self.samples = Some(SamplesFile::open(&*self.storage)?);
        self.stream.tell_endings(EndingFile::open(&*self.storage)?);
        Ok(())
    }

    fn do_work(&mut self, now_ns: u64) -> usize {
        let mut work = 0;
        self.book.ready = self.book.journal.as_mut().is_some_and(|journal| journal.prepare().is_ok());
        let mut lost = false;
        if self.book.ready {
            match self.socket.step(&*self.net, &mut self.stream, now_ns) {
                Happened::Nothing => {}
                Happened::Connected => self.connects.add(1),
                Happened::Read(count) => {
                    work += 1;
                    self.stream.input.commit(count);
                }
                Happened::Lost => lost = true,
            }
        }
        work += self.stream.take(&mut self.book, now_ns);
        self.stream.session.on_time(now_ns, &mut self.book);
        self.stream.settle(&mut self.socket);
        if lost || !self.socket.flush(&mut self.stream) || self.stream.has_ended() {
            self.stream.lose(&mut self.socket, now_ns);
        }
        self.state.set(u64::from(self.stream.session.state() == State::Up));
        self.stream.tell(now_ns);
        if let Some(samples) = self.samples.as_mut().filter(|_| !self.book.sampler.samples().is_empty()) {
            // A full file keeps the first ones.
            let _full = self.book.sampler.drain(samples);
        }
        work
    }

    fn on_close(&mut self, now_ns: u64) {
        self.stream.session.log_out(now_ns, "");
        self.socket.flush(&mut self.stream);
        if let Some(journal) = &mut self.book.journal {
            let _best_effort = journal.close();
        }
    }
}

impl Book {
    fn keep(&mut self, event: &OrderEvent, now_ns: u64) {
        let stamp = Stamp { sequence: self.next, time_ns: now_ns };
        let kept = self.journal.as_mut().is_some_and(|journal| journal.append(stamp, bytes_of(event)).is_ok());
        assert!(kept, "its room was prepared before the report was read");
        self.next += 1;
        self.reports.add(1);
    }

    fn bad(&mut self, error: wire::WireError, inbound: &Inbound<'_>, now_ns: u64) {
        self.malformed.add(1);
        self.sampler.add(error, inbound.message.bytes(), inbound.sequence, now_ns);
    }
}

impl Taker for Book {
    fn has_room(&self) -> bool {
        self.ready
    }

    fn on_garbled(&mut self, bytes: &[u8], _: Garbled, now_ns: u64) {
        self.malformed.add(1);
        self.sampler.add(wire::WireError::UnknownType { code: 0, skip: bytes.len() }, bytes, 0, now_ns);
    }
}

impl Application for Book {
    fn on_message(&mut self, _: &mut Session, now_ns: u64, inbound: &Inbound<'_>) -> Answer {
        match inbound.message.kind() {
            b"8" => {}
            // A refused cancel changes no order.
            b"9" => return Answer::Taken,
            _ => {
                self.unasked.add(1);
                return Answer::Unsupported;
            }
        }
        let came = Came { sequence: inbound.sequence, again: inbound.poss_dup || inbound.poss_resend, now_ns };
        let mut found = None;
        let report = Report::read(&inbound.message);
        let taken = report.and_then(|report| {
            self.fix.on_report(&report, came, &mut |event| found = Some(*event))?;
            Ok(report)
        });
        match (taken, found) {
            (Ok(report), Some(mut event)) => {
                let own = [report.client, report.quote_entry].map(|name| ClientId::read(name).0);
                let (own, original) = (if own[0] == 0 { own[1] } else { own[0] }, ClientId::read(report.original).0);
                event.owner.order_id = if own == 0 { original } else { own };
                event.original_id = if original == event.owner.order_id { 0 } else { original };
                self.keep(&event, now_ns);
            }
            (Ok(_), None) => self.unasked.add(1),
            (Err(error), _) => self.bad(error, inbound, now_ns),
        }
        Answer::Taken
    }
}
