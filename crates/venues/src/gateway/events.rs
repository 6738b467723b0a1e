//! The way back to the engine: events on a reliable link, with a bounded wait where the link is full.
//!
//! Invariant: an event is never lost: what the link does not take waits here, and while anything waits neither commands
//! nor the venue's bytes are read, so that the pressure goes back to the source. While the engine is silent the venue is read on
//! all the same, or the orders that it left could not be pulled: then much more may wait.

use links::{Counter, Counters, Offer, Publication};
use records::{OrderEvent, Session, SessionState, bytes_of};
use sessions::ByteQueue;

/// What one read of the socket, or one statement about all orders of a small session, can become.
const WAITING_BYTES: usize = 1 << 20;
/// What may wait for an engine that is silent: the reports of some hundred thousand orders.
const UNHEARD_BYTES_MAX: usize = 64 << 20;
/// Room that must be free before more is read.
const ROOM_BYTES: usize = 64 << 10;

/// What is told with the session's state.
pub struct About {
    /// Venue id.
    pub venue: u16,
    /// Session id.
    pub source: u32,
    /// A `CancelOnDisconnect` code, 0: none.
    pub cancel_on_disconnect: u8,
    /// Quotes leave in sets.
    pub quotes: bool,
    /// Epoch that the gateway obeys.
    pub epoch: u16,
    /// It is not the session that was up before.
    pub renewed: bool,
}

/// Publication and what waits for it.
pub struct Events {
    link: Box<dyn Publication>,
    waiting: ByteQueue,
    /// Nobody reads the link.
    unheard: bool,
    published: Counter,
    held_back: Counter,
}

impl Events {
    /// Around the link to the engine.
    pub fn new(link: Box<dyn Publication>, counters: &Counters) -> Self {
        Self {
            link,
            waiting: ByteQueue::with_capacity(WAITING_BYTES),
            unheard: false,
            published: counters.counter("gateway.events"),
            held_back: counters.counter("gateway.events_held_back"),
        }
    }

    /// Whether more may be read.
    pub fn has_room(&self) -> bool {
        if self.unheard {
            return self.waiting.len() <= UNHEARD_BYTES_MAX - WAITING_BYTES;
        }
        self.waiting.room() >= ROOM_BYTES && self.waiting.len() < ROOM_BYTES
    }

    /// Whether the engine is silent from now on.
    pub fn set_unheard(&mut self, unheard: bool) {
        self.unheard = unheard;
    }

    /// Whether what waits is for an engine that does not listen.
    pub fn is_unheard(&self) -> bool {
        self.unheard
    }

    /// Whether everything was published.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Publishes or keeps an event.
    pub fn offer(&mut self, event: &OrderEvent) {
        self.offer_bytes(bytes_of(event));
    }

    /// Publishes or keeps the session's state.
    pub fn session(&mut self, state: SessionState, about: &About, now_ns: u64) {
        let mut record = Session::new();
        (record.header.venue, record.header.source) = (about.venue, about.source);
        record.header.receive_time_ns = now_ns;
        record.state = state.code();
        record.cancel_on_disconnect = about.cancel_on_disconnect;
        record.renewed = u8::from(about.renewed && state == SessionState::Up);
        record.quotes = u8::from(about.quotes);
        record.epoch = u64::from(about.epoch);
        self.offer_bytes(bytes_of(&record));
    }

    /// Publishes what waits, as far as the link takes it.
    pub fn drain(&mut self) -> usize {
        let mut work = 0;
        while let Some(length) =
            self.waiting.as_slice().first_chunk::<2>().map(|bytes| usize::from(u16::from_le_bytes(*bytes)))
        {
            if self.link.offer(&self.waiting.as_slice()[2..2 + length]) != Offer::Sent {
                break;
            }
            self.waiting.consume(2 + length);
            self.published.add(1);
            work += 1;
        }
        if self.waiting.is_empty() && self.waiting.capacity() > WAITING_BYTES {
            self.waiting.resize(WAITING_BYTES);
        }
        work
    }

    fn offer_bytes(&mut self, record: &[u8]) {
        if self.waiting.is_empty() && self.link.offer(record) == Offer::Sent {
            self.published.add(1);
            return;
        }
        self.held_back.add(1);
        // What one read can become fits beside it always, also when the engine is heard again.
        if self.unheard && self.waiting.room() < WAITING_BYTES {
            self.waiting.resize((2 * self.waiting.capacity()).min(UNHEARD_BYTES_MAX));
        }
        // Callers read only while there is room for all that one read can become: a miss is our own bug.
        assert!(self.waiting.push(&[&(record.len() as u16).to_le_bytes(), record]), "events wait beyond their bound");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use links::{Ring, RingConfig};
    use records::read_from;

    #[test]
    fn what_a_silent_engine_does_not_read_waits_in_order_and_no_report_is_lost() {
        let config = RingConfig { depth_records: 8, record_bytes_max: 512, reliable: vec![true] };
        let ring = Ring::heap(&config).expect("a ring");
        let mut engine = ring.consumer(0).expect("its reader");
        let mut events = Events::new(Box::new(ring.producer()), &Counters::local());
        let mut event = OrderEvent::new();
        let mut offer = |events: &mut Events| {
            event.execution_id += 1;
            events.offer(&event);
        };
        while events.has_room() {
            offer(&mut events);
        }
        assert!(events.waiting.len() < 2 * ROOM_BYTES, "the pressure goes back to the venue");
        events.set_unheard(true);
        let mut offered = 0;
        while events.has_room() {
            offer(&mut events);
            offered += 1;
        }
        assert!(offered > 200_000 && events.waiting.len() <= UNHEARD_BYTES_MAX - WAITING_BYTES + 512);
        events.set_unheard(false);
        assert!(!events.has_room());
        // What one read can become fits all the same.
        (0..1_000).for_each(|_| offer(&mut events));
        let mut read = 0;
        while !events.is_empty() || read == 0 {
            events.drain();
            engine.poll(16, &mut |record| {
                read += 1;
                assert_eq!(read_from::<OrderEvent>(record).expect("an event").execution_id, read);
            });
        }
        assert!(read > offered && events.has_room() && events.waiting.capacity() == WAITING_BYTES);
    }
}
