//! Auctions, numbers that strategies publish, and state that is kept: what reaches a slot beside its market.
//!
//! Invariant: a number is told to every slot that asks but the one that published it, in the pass in which it was published;
//! a pass carries at most [`SIGNALS_MAX`], so that strategies which answer each other end. A tile's silence is told once.

use records::{
    AuctionKind, AuctionView, Callback, Imbalance, KeptState, OrderIntent, RejectCode, SIGNAL_STALE, SIGNALS_MAX,
    Signal, SignalView, SlotRun, TILE_CHANNELS_MAX,
};
use risk::Refusal;

use super::control::{APPLIED, REFUSED};
use super::intents::refusal;
use super::{Engine, Told};
use crate::host::EventRef;
use crate::outbox::Outbox;

/// The venue's letter of a cross in our terms, 0: another.
const fn kind_of(cross_type: u8) -> u32 {
    match cross_type {
        b'O' => AuctionKind::Opening.code() as u32,
        b'C' => AuctionKind::Closing.code() as u32,
        b'H' => AuctionKind::Halt.code() as u32,
        b'I' | b'A' => AuctionKind::Intraday.code() as u32,
        _ => 0,
    }
}

/// The last number of a tile that said when its next one comes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard {
    pub record: Signal,
    pub due_ns: u64,
    pub stale: bool,
}

records::state_value!(Heard { record, due_ns, stale });

impl Engine {
    pub(super) fn on_imbalance(&mut self, record: &Imbalance, out: &mut dyn Outbox) {
        self.feed_spoke(&record.header, out);
        let Some(place) = self.listing(record.header.venue, record.header.instrument) else {
            self.statistics.unlisted += 1;
            return;
        };
        let listing = &self.listings[usize::from(place)];
        let venue = &self.venues[usize::from(listing.venue)];
        let mut view = AuctionView::zeroed();
        view.time_ns = self.time_ns;
        view.venue_time_ns = record.header.venue_time_ns;
        (view.indicative_nanos, view.far_nanos) = (record.near_nanos, record.far_nanos);
        view.reference_nanos = record.reference_nanos;
        (view.paired_lots, view.imbalance_lots) = (record.paired_lots, record.imbalance_lots);
        (view.instrument, view.venue) = (listing.instrument, u32::from(listing.venue));
        (view.side, view.kind) = (u32::from(record.side), kind_of(record.cross_type));
        view.phase = u32::from(if listing.trading == 0 { venue.trading } else { listing.trading });
        let mut watchers = listing.watchers;
        while watchers != 0 {
            let slot = watchers.trailing_zeros() as u8;
            watchers &= watchers - 1;
            if self.slots[usize::from(slot)].as_ref().is_none_or(|cell| !cell.wants.auction_calls) {
                continue;
            }
            view.listing = u32::from(self.listings[usize::from(place)].index_in[usize::from(slot)]);
            self.call(slot, Callback::Auction, EventRef::Auction(&view), view.listing, true, out);
        }
    }

    /// A number that a tile publishes.
    pub(super) fn on_signal_record(&mut self, record: &Signal, out: &mut dyn Outbox) {
        if record.signal == 0 || !is_finite(record.bits) {
            self.statistics.unused += 1;
            return;
        }
        let view = self.view_of_tile(record, 0);
        if record.within_us != 0 {
            let due_ns = self.time_ns.saturating_add(u64::from(record.within_us) * 1_000);
            let heard = Heard { record: *record, due_ns, stale: false };
            match self.heard.iter().position(|heard| heard.record.signal == record.signal) {
                Some(at) => self.heard[at] = heard,
                None if self.heard.len() < TILE_CHANNELS_MAX => self.heard.push(heard),
                // Its silence will not be told.
                None => self.statistics.unused += 1,
            }
            self.next_due_ns = self.next_due_ns.min(due_ns);
        }
        self.spread_signal(&view);
        self.tell(out);
    }

    fn view_of_tile(&self, record: &Signal, flags: u64) -> SignalView {
        // A tile that does not say when its input was is as old as its record.
        let based_ns = if record.header.venue_time_ns == 0 { self.time_ns } else { record.header.venue_time_ns };
        SignalView {
            time_ns: self.time_ns,
            based_on: record.based_on,
            bits: record.bits,
            channel: record.signal,
            source: 0,
            flags,
            age_ns: self.time_ns.saturating_sub(based_ns),
        }
    }

    /// Tells of tiles that are silent for longer than they said, once; returns when to look again.
    pub(super) fn check_heard(&mut self) -> u64 {
        let mut next_ns = u64::MAX;
        for at in 0..self.heard.len() {
            let heard = self.heard[at];
            if heard.stale {
                continue;
            }
            if heard.due_ns > self.time_ns {
                next_ns = next_ns.min(heard.due_ns);
                continue;
            }
            self.heard[at].stale = true;
            let view = self.view_of_tile(&heard.record, SIGNAL_STALE);
            self.spread_signal(&view);
        }
        next_ns
    }

    /// A number that a strategy publishes.
    pub(super) fn intend_signal(
        &mut self,
        slot: u8,
        intent: &OrderIntent,
        out: &mut dyn Outbox,
    ) -> Result<(), Refusal> {
        let channel = u32::try_from(intent.order_id).unwrap_or(0);
        let bits = intent.price_nanos.cast_unsigned();
        if channel == 0 || !is_finite(bits) {
            return Err(refusal(RejectCode::BadIntent));
        }
        if self.signals == SIGNALS_MAX {
            return Err(refusal(RejectCode::SignalFlood));
        }
        self.signals += 1;
        let mut record = Signal::new();
        (record.based_on, record.bits, record.signal, record.slot) = (self.input, bits, channel, slot);
        self.say(record, out);
        let source = u32::from(slot);
        let view =
            SignalView { time_ns: self.time_ns, based_on: self.input, bits, channel, source, flags: 0, age_ns: 0 };
        self.spread_signal(&view);
        Ok(())
    }

    fn spread_signal(&mut self, view: &SignalView) {
        for slot in 1..self.slots.len() as u8 {
            let asks = |cell: &super::SlotCell| cell.wants.signal_calls && cell.run == SlotRun::Running;
            if u32::from(slot) != view.source && self.slots[usize::from(slot)].as_ref().is_some_and(asks) {
                self.enqueue(slot, Told::Signal(*view));
            }
        }
    }

    /// A word of kept state, for a slot that does not run.
    pub(super) fn on_kept_state(&mut self, record: &KeptState, out: &mut dyn Outbox) {
        let stands = self.slot_run(record.slot).is_some_and(|run| run != SlotRun::Running);
        let restored = stands && self.host.restore(record).is_ok();
        let outcome = if restored { APPLIED } else { REFUSED };
        self.applied(record, u32::from(record.slot), (0, 0, record.request), outcome, out);
    }

    /// Saves and says what a slot keeps.
    pub(super) fn save_kept(&mut self, slot: u8, out: &mut dyn Outbox) {
        let (input, time_ns) = (self.input, self.time_ns);
        let Self { host, hash, .. } = self;
        host.save(slot, &mut |mut record| {
            (record.header.sequence, record.header.venue_time_ns, record.slot) = (input, time_ns, slot);
            hash.bytes(records::bytes_of(&record));
            out.output(records::bytes_of(&record));
        });
    }
}

/// Whether these are the bits of a number: neither an infinity nor NaN.
const fn is_finite(bits: u64) -> bool {
    const EXPONENT: u64 = 0x7ff << 52;
    bits & EXPONENT != EXPONENT
}
