//! The life of one order: what each report of a venue or gateway means in each state. No I/O, no risk, no books.
//!
//! Invariant: a report changes the order, or is a repetition, or is a break; nothing is dropped without one of the three.
//! Lots are open (`leaves`), filled, taken off, or `unbooked` (the venue counts them as filled, their fills have not come):
//! an order that ended with unbooked lots keeps them held until the fills arrive.

use records::broken::{Variant, is_broken};
use records::{BreakKind, LOTS_MAX, OrderEvent, OrderEventKind, OrderState, Owner, Reason, Side, UNDEF_PRICE};

/// Ids of one order (itself and its replacements) that late reports may still name.
pub(crate) const CHAIN: usize = 8;

/// One order and its replacements.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// Whose; `order_id` is the id in force.
    pub owner: Owner,
    /// The id it was sent with, whatever replaced it since.
    pub first_id: u64,
    /// The replacement asked for and not yet answered, 0: none.
    pub pending_id: u64,
    /// Its price.
    pub pending_price_nanos: i64,
    /// Its total lots.
    pub pending_lots: i64,
    /// Price in force; undefined for a market order.
    pub price_nanos: i64,
    /// Total lots asked for, what the venue took off by itself not counted.
    pub lots: i64,
    /// Lots filled, busts not taken off.
    pub filled_lots: i64,
    /// Lots of fills that were broken.
    pub broken_lots: i64,
    /// Lots open at the venue.
    pub leaves_lots: i64,
    /// Lots that the venue counts as filled and whose fills have not come.
    pub unbooked_lots: i64,
    /// Displayed lots of a reserve order, 0: all.
    pub display_lots: i64,
    /// The venue's reference, 0 when not told.
    pub venue_order_ref: u64,
    /// Instrument.
    pub instrument: u32,
    /// Venue.
    pub venue: u16,
    /// Side.
    pub side: Side,
    /// A `TimeInForce` code.
    pub time_in_force: u8,
    /// 1: post-only.
    pub post_only: u8,
    /// Slot, 0: none.
    pub slot: u8,
    /// The venue took it.
    pub acknowledged: bool,
    /// A cancel is under way.
    pub cancel_sent: bool,
    /// Nobody can say how it stands.
    pub unknown: bool,
    /// The venue's session that it was sent in is no more: what was said of it until then is all that will be said.
    pub forsaken: bool,
    /// Engine time of the request that waits longest for its answer, 0: none does.
    pub asked_ns: u64,
    /// A `Reason` code: a cancel is owed and has to be sent (again) as soon as it can be; 0: none.
    pub cancel_owed: u8,
    /// How it ended.
    pub ended: Option<OrderState>,
    pub(crate) chain: [u64; CHAIN],
    pub(crate) chain_count: usize,
}

records::state_value!(Order {
    owner,
    first_id,
    pending_id,
    pending_price_nanos,
    pending_lots,
    price_nanos,
    lots,
    filled_lots,
    broken_lots,
    leaves_lots,
    unbooked_lots,
    display_lots,
    venue_order_ref,
    instrument,
    venue,
    side,
    time_in_force,
    post_only,
    slot,
    acknowledged,
    cancel_sent,
    unknown,
    forsaken,
    asked_ns,
    cancel_owed,
    ended,
    chain,
    chain_count,
});

/// What a report does to the order's hold and to those who watch it; the engine carries it out in the order of the fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Step {
    /// A difference to tell: its kind, the venue's lots, ours.
    pub found: Option<(BreakKind, i64, i64)>,
    /// The order had ended and is alive again with this many lots: hold them anew.
    pub reopened: Option<i64>,
    /// A replace took effect: lots open now, lots unbooked.
    pub replaced: Option<(i64, i64)>,
    /// A replace did not take effect.
    pub replace_rejected: bool,
    /// Lots taken off an order that goes on.
    pub reduced: i64,
    /// Lots to book at the report's price.
    pub filled: i64,
    /// The order ended with this report.
    pub closed: bool,
    /// The order's owner is told.
    pub told: bool,
    /// A repetition: nothing happened.
    pub repeated: bool,
}

impl Step {
    fn repeated() -> Self {
        Self { repeated: true, ..Self::default() }
    }

    fn found(kind: BreakKind, venue: i64, ours: i64) -> Self {
        Self { found: Some((kind, venue, ours)), ..Self::default() }
    }

    fn told() -> Self {
        Self { told: true, ..Self::default() }
    }
}

impl Order {
    /// An order about to be sent.
    pub(crate) fn new(command: &records::NewOrder, side: Side) -> Self {
        let mut chain = [0; CHAIN];
        chain[0] = command.owner.order_id;
        Self {
            owner: command.owner,
            first_id: command.owner.order_id,
            pending_id: 0,
            pending_price_nanos: UNDEF_PRICE,
            pending_lots: 0,
            price_nanos: command.price_nanos,
            lots: command.lots,
            filled_lots: 0,
            broken_lots: 0,
            leaves_lots: command.lots,
            unbooked_lots: 0,
            display_lots: command.display_lots,
            venue_order_ref: 0,
            instrument: command.header.instrument,
            venue: command.header.venue,
            side,
            time_in_force: command.time_in_force,
            post_only: command.post_only,
            slot: command.slot,
            acknowledged: false,
            cancel_sent: false,
            unknown: false,
            forsaken: false,
            asked_ns: 0,
            cancel_owed: 0,
            ended: None,
            chain,
            chain_count: 1,
        }
    }

    /// The state as others see it.
    pub fn state(&self) -> OrderState {
        match self.ended {
            Some(state) => state,
            None if self.unknown => OrderState::Unknown,
            None if self.cancel_sent => OrderState::PendingCancel,
            None if self.pending_id != 0 => OrderState::PendingReplace,
            None if !self.acknowledged => OrderState::PendingNew,
            None => OrderState::Live,
        }
    }

    /// A request about it is sent.
    #[inline]
    pub(crate) fn asks(&mut self, now_ns: u64) {
        if self.asked_ns == 0 {
            self.asked_ns = now_ns;
        }
    }

    /// A report was taken: whether something still waits, and since when.
    #[inline]
    pub(crate) fn hears(&mut self, kind: OrderEventKind, now_ns: u64) {
        let waits = self.ended.is_none() && (!self.acknowledged || self.pending_id != 0 || self.cancel_sent);
        match kind {
            // The venue works on it, for as long as it takes.
            OrderEventKind::CancelPending => self.asked_ns = 0,
            _ if self.asked_ns == 0 || !waits => self.asked_ns = 0,
            // One of two requests was answered; not by a trade, which answers neither.
            OrderEventKind::Filled => {}
            _ => self.asked_ns = now_ns,
        }
    }

    /// A replace was sent under this id. Returns the id that falls out of the chain, 0: none.
    pub(crate) fn replace_sent(&mut self, id: u64, price_nanos: i64, lots: i64) -> u64 {
        (self.pending_id, self.pending_price_nanos, self.pending_lots) = (id, price_nanos, lots);
        // The id in force stays in the chain whatever falls out.
        if self.chain_count < CHAIN {
            self.chain[self.chain_count] = id;
            self.chain_count += 1;
            return 0;
        }
        let at = usize::from(self.chain[0] == self.owner.order_id);
        let gone = self.chain[at];
        self.chain.copy_within(at + 1.., at);
        self.chain[CHAIN - 1] = id;
        gone
    }

    /// Whether this report tells of a replace of the order in force that nobody here remembers.
    pub(crate) fn is_replaced_unasked(&self, event: &OrderEvent) -> bool {
        let id = event.owner.order_id;
        let is_open = self.ended.is_none() && self.pending_id == 0;
        is_open && event.original_id == self.owner.order_id && id != 0 && !self.chain[..self.chain_count].contains(&id)
    }

    /// The session went down: whatever was under way may or may not have arrived.
    pub(crate) fn session_down(&mut self) -> bool {
        let changed = self.ended.is_none() && !self.unknown;
        self.unknown |= self.ended.is_none();
        changed
    }

    /// The venue has begun another session, which knows nothing of this order.
    pub(crate) fn forsake(&mut self) {
        (self.unknown, self.forsaken, self.cancel_sent) = (true, true, false);
    }

    /// The session is up and all that was missed has been told. Whether the order's state is certain now; when it is not,
    /// a cancel settles it.
    pub(crate) fn session_up(&mut self) -> bool {
        let certain = self.acknowledged && self.pending_id == 0 && !self.forsaken;
        // A cancel that had no answer is under way no longer: nobody will give it one.
        let had_asked = std::mem::take(&mut self.cancel_sent);
        if certain {
            self.unknown = false;
            if had_asked {
                self.cancel_owed = self.cancel_owed.max(Reason::UserRequested.code());
            }
        }
        certain
    }

    /// Takes a report. The caller has ruled out executions that were booked before.
    pub(crate) fn step(&mut self, event: &OrderEvent, kind: OrderEventKind) -> Step {
        match kind {
            OrderEventKind::CancelRejected if is_broken(Variant::CancelPresumed) => self.presumed_gone(),
            OrderEventKind::Canceled | OrderEventKind::Expired | OrderEventKind::NotFound
                if self.was_replaced(event.owner.order_id) =>
            {
                Step::repeated()
            }
            OrderEventKind::Accepted => self.accepted(event),
            OrderEventKind::Rejected if self.is_pending(event) => self.replace_rejected(event),
            OrderEventKind::Rejected => self.rejected(event),
            OrderEventKind::Filled => self.filled(event),
            OrderEventKind::Canceled | OrderEventKind::Expired => self.canceled(event),
            OrderEventKind::Replaced => self.replaced(event),
            OrderEventKind::ReplaceRejected => self.replace_rejected(event),
            OrderEventKind::CancelRejected => self.cancel_rejected(event),
            OrderEventKind::Restated => self.restated(event),
            OrderEventKind::NotSent => self.not_sent(event),
            OrderEventKind::Unknown => Step { told: self.session_down(), ..Step::default() },
            OrderEventKind::CancelPending => self.cancel_pending(event),
            OrderEventKind::NotFound => self.not_found(event),
            OrderEventKind::Refreshed => self.refreshed(event),
            // Of an execution, not of the order's life: the engine has them.
            OrderEventKind::Broken | OrderEventKind::Corrected => Step::default(),
        }
    }

    /// What no rule allows: it counts as ended by nobody's word. For variants of the simulator's test build.
    #[cold]
    fn presumed_gone(&mut self) -> Step {
        if self.ended.is_some() {
            return Step::repeated();
        }
        self.end(OrderState::Canceled);
        Step { closed: true, told: true, ..Step::default() }
    }

    /// Whether this id's end was told by the replace that took its place: some venues say "canceled" of it, too.
    fn was_replaced(&self, id: u64) -> bool {
        let ids = &self.chain[..self.chain_count];
        let at = |id: u64| ids.iter().position(|known| *known == id);
        at(id).is_some_and(|named| at(self.owner.order_id).is_some_and(|in_force| named < in_force))
    }

    fn is_pending(&self, event: &OrderEvent) -> bool {
        self.pending_id != 0 && event.owner.order_id == self.pending_id
    }

    fn impossible(&self, event: &OrderEvent) -> Step {
        if event.possible_duplicate == 1 {
            return Step::repeated();
        }
        Step::found(BreakKind::ImpossibleTransition, event.lots, self.leaves_lots)
    }

    fn end(&mut self, state: OrderState) {
        self.ended = Some(state);
        self.leaves_lots = 0;
        self.cancel_owed = 0;
        self.cancel_sent = false;
        self.unknown = false;
    }

    fn accepted(&mut self, event: &OrderEvent) -> Step {
        if self.acknowledged {
            if self.venue_order_ref == 0 {
                self.venue_order_ref = event.venue_order_ref; // A fill told us first that it was accepted.
            }
            let same = event.venue_order_ref == 0 || event.venue_order_ref == self.venue_order_ref;
            return if same { Step::repeated() } else { self.impossible(event) };
        }
        match self.ended {
            Some(OrderState::Filled | OrderState::Canceled) => {
                // Its end overtook it.
                self.acknowledged = true;
                self.venue_order_ref = event.venue_order_ref;
                return Step::repeated();
            }
            Some(_) => return self.reopen(event),
            None => {}
        }
        self.acknowledged = true;
        self.unknown = false;
        self.venue_order_ref = event.venue_order_ref;
        if event.price_nanos != UNDEF_PRICE && self.price_nanos != UNDEF_PRICE {
            self.price_nanos = event.price_nanos;
        }
        let mut step = Step::told();
        if event.lots > 0 && event.lots != self.lots {
            step.found = Some((BreakKind::CumulativeMismatch, event.lots, self.lots));
        }
        if event.dead == 1 {
            self.end(OrderState::Canceled);
            step.closed = true;
        }
        step
    }

    /// The venue has an order that we were told is dead or never left: it is right, and someone must see it.
    fn reopen(&mut self, event: &OrderEvent) -> Step {
        if event.possible_duplicate == 1 || event.dead == 1 {
            return Step::repeated();
        }
        let told = if event.leaves_lots >= 0 { event.leaves_lots } else { event.lots - self.filled_lots };
        let leaves = told.clamp(0, LOTS_MAX);
        if leaves == 0 {
            return Step::repeated();
        }
        if self.unbooked_lots > 0 {
            return self.impossible(event); // What it still holds is for fills to come; both cannot be true.
        }
        let ours = self.leaves_lots;
        self.ended = None;
        self.pending_id = 0;
        self.acknowledged = true;
        self.venue_order_ref = event.venue_order_ref;
        self.leaves_lots = leaves;
        self.lots = self.filled_lots + self.unbooked_lots + leaves;
        self.owner.order_id = event.owner.order_id;
        if event.price_nanos != UNDEF_PRICE {
            self.price_nanos = event.price_nanos;
        }
        Step {
            found: Some((BreakKind::ImpossibleTransition, leaves, ours)),
            reopened: Some(leaves),
            told: true,
            ..Step::default()
        }
    }

    fn rejected(&mut self, event: &OrderEvent) -> Step {
        if self.ended == Some(OrderState::Rejected) {
            return Step::repeated();
        }
        if self.ended.is_some() || self.acknowledged || self.filled_lots > 0 {
            return self.impossible(event);
        }
        self.end(OrderState::Rejected);
        Step { closed: true, told: true, ..Step::default() }
    }

    fn filled(&mut self, event: &OrderEvent) -> Step {
        let mut step = Step { filled: event.lots, told: true, ..Step::default() };
        if self.ended.is_none() && self.is_pending(event) {
            // The fill overtook the answer to the replace.
            step.replaced = Some(self.take_replacement(self.pending_lots, None));
        }
        let late = self.ended.is_some() || event.owner.order_id != self.owner.order_id;
        let from_unbooked = if late { event.lots.min(self.unbooked_lots) } else { 0 };
        let from_leaves = (event.lots - from_unbooked).min(self.leaves_lots);
        let more_unbooked = (event.lots - from_unbooked - from_leaves).min(self.unbooked_lots - from_unbooked);
        let over = event.lots - from_unbooked - from_leaves - more_unbooked;
        self.unbooked_lots -= from_unbooked + more_unbooked;
        self.leaves_lots -= from_leaves;
        self.filled_lots += event.lots;
        self.lots += over;
        if over > 0 {
            let kind = if self.ended.is_some() { BreakKind::ImpossibleTransition } else { BreakKind::Overfill };
            step.found = Some((kind, event.lots, event.lots - over));
        } else if event.cumulative_lots >= 0
            && event.cumulative_lots != self.filled_lots
            && event.cumulative_lots != self.filled_lots - self.broken_lots
        {
            step.found = Some((BreakKind::CumulativeMismatch, event.cumulative_lots, self.filled_lots));
        }
        if self.ended.is_none() {
            if !self.acknowledged {
                // A fill is an acceptance; `Accepted` may still come and is then a repetition.
                self.acknowledged = true;
                self.unknown = false;
            }
            if self.leaves_lots == 0 {
                self.end(OrderState::Filled);
                step.closed = true;
            }
        }
        step
    }

    fn canceled(&mut self, event: &OrderEvent) -> Step {
        if self.ended.is_some() {
            let same = matches!(self.ended, Some(OrderState::Canceled | OrderState::Filled));
            return if same { Step::repeated() } else { self.impossible(event) };
        }
        if event.leaves_lots > 0 {
            return self.restated(event);
        }
        let ours = self.leaves_lots;
        let counted = if event.cumulative_lots >= 0 {
            Some(event.cumulative_lots - self.filled_lots)
        } else {
            (event.lots > 0).then_some(ours - event.lots)
        };
        let mut step = Step { closed: true, told: true, ..Step::default() };
        let broken = event.cumulative_lots >= 0 && event.cumulative_lots == self.filled_lots - self.broken_lots;
        if let Some(unbooked) = counted
            && unbooked != 0
            && !broken
        {
            step.found = Some((BreakKind::CumulativeMismatch, ours - unbooked, ours));
            let unbooked = unbooked.clamp(0, ours);
            self.leaves_lots -= unbooked;
            self.unbooked_lots += unbooked;
        }
        self.end(OrderState::Canceled);
        step
    }

    /// The replacement is in force. `leaves`: what the venue says is open, if it says.
    fn take_replacement(&mut self, total: i64, leaves: Option<i64>) -> (i64, i64) {
        self.owner.order_id = self.pending_id;
        if self.pending_price_nanos != UNDEF_PRICE {
            self.price_nanos = self.pending_price_nanos;
        }
        self.pending_id = 0;
        self.acknowledged = true;
        let leaves = leaves.unwrap_or(total - self.filled_lots).clamp(0, LOTS_MAX);
        self.unbooked_lots = (total - leaves - self.filled_lots).max(0);
        self.leaves_lots = leaves;
        self.lots = self.filled_lots + self.unbooked_lots + leaves;
        (leaves, self.unbooked_lots)
    }

    fn replaced(&mut self, event: &OrderEvent) -> Step {
        let id = event.owner.order_id;
        if self.ended.is_some() && self.is_pending(event) {
            return self.reopen(event);
        }
        if !self.is_pending(event) {
            // The one in force (a fill told us already), or one before it.
            let known = self.chain[..self.chain_count].contains(&id) && id != self.chain[0];
            return if known { Step::repeated() } else { self.impossible(event) };
        }
        let total = if event.lots > 0 { event.lots } else { self.pending_lots };
        let leaves = (event.leaves_lots >= 0).then_some(event.leaves_lots);
        let mut step = Step::told();
        step.replaced = Some(self.take_replacement(total, leaves));
        if self.unbooked_lots > 0 {
            let venue = self.filled_lots + self.unbooked_lots;
            step.found = Some((BreakKind::CumulativeMismatch, venue, self.filled_lots));
        }
        self.unknown = false;
        self.venue_order_ref = event.venue_order_ref;
        if event.price_nanos != UNDEF_PRICE {
            self.price_nanos = event.price_nanos;
        }
        if self.cancel_sent {
            // That cancel named the order that is no more.
            self.cancel_sent = false;
            self.cancel_owed = self.cancel_owed.max(Reason::UserRequested.code());
        }
        if event.dead == 1 || self.leaves_lots == 0 {
            let whole = event.dead != 1 && self.filled_lots + self.unbooked_lots > 0;
            self.end(if whole { OrderState::Filled } else { OrderState::Canceled });
            step.closed = true;
        }
        step
    }

    fn replace_rejected(&mut self, event: &OrderEvent) -> Step {
        if self.ended.is_some() {
            return Step::repeated(); // The order ended while the replace was under way.
        }
        let earlier = event.possible_duplicate == 1 && !self.is_pending(event);
        if earlier {
            return Step::repeated(); // Of a replacement before the one that is under way now.
        }
        if self.pending_id == 0 {
            return self.impossible(event);
        }
        self.pending_id = 0;
        self.unknown = false;
        let mut step = Step { replace_rejected: true, told: true, ..Step::default() };
        if event.dead == 1 {
            self.end(OrderState::Canceled);
            step.closed = true;
        }
        step
    }

    fn cancel_rejected(&mut self, event: &OrderEvent) -> Step {
        if self.ended.is_some() {
            return Step::repeated(); // It ended while the cancel was under way.
        }
        if event.owner.order_id != self.owner.order_id {
            return Step::repeated(); // That cancel crossed a replace; the one that is owed names the order in force.
        }
        let asked = self.cancel_sent || self.unknown;
        let reason = Reason::from_code(event.reason);
        self.cancel_sent = false;
        // One that could not leave is still owed; one that the venue refused is not.
        let could_not_leave = [Reason::Closed, Reason::BackPressure, Reason::Throttled, Reason::Disconnected];
        let has_left = !reason.is_some_and(|reason| could_not_leave.contains(&reason));
        if has_left {
            self.cancel_owed = 0;
        }
        if reason == Some(Reason::Throttled) && self.cancel_owed == 0 {
            self.cancel_owed = Reason::UserRequested.code(); // No cancel is given up for a throttle.
        }
        if reason == Some(Reason::UnknownOrder) {
            // The venue has no such order, and nobody told us its end: hold until someone does.
            self.unknown = true;
            let found = Some((BreakKind::ImpossibleTransition, 0, self.leaves_lots));
            return Step { found, told: true, ..Step::default() };
        }
        if !asked {
            // Each life of an engine and of a session may have asked once; the first answer was for all.
            return if has_left { self.impossible(event) } else { Step::repeated() };
        }
        self.unknown &= !self.acknowledged || self.pending_id != 0;
        Step::told()
    }

    fn cancel_pending(&mut self, event: &OrderEvent) -> Step {
        if self.cancel_sent {
            return Step::told();
        }
        if self.ended.is_some() { Step::repeated() } else { self.impossible(event) }
    }

    fn restated(&mut self, event: &OrderEvent) -> Step {
        if self.ended.is_some() {
            return self.impossible(event);
        }
        let leaves = if event.leaves_lots >= 0 { event.leaves_lots } else { self.leaves_lots - event.lots };
        let mut step = Step::told();
        if leaves > self.leaves_lots || leaves < 0 {
            // More than we hold, or more off than there was: what we hold stays held.
            step.found = Some((BreakKind::CumulativeMismatch, leaves, self.leaves_lots));
            return step;
        }
        step.reduced = self.leaves_lots - leaves;
        self.leaves_lots = leaves;
        self.lots -= step.reduced;
        self.cancel_sent = false; // A reduction that we asked for is answered so, too.
        self.unknown &= self.pending_id != 0;
        if event.price_nanos != UNDEF_PRICE {
            self.price_nanos = event.price_nanos;
        }
        if leaves == 0 {
            self.end(OrderState::Canceled);
            step.closed = true;
        }
        step
    }

    fn not_sent(&mut self, event: &OrderEvent) -> Step {
        if self.ended.is_some() {
            return Step::repeated();
        }
        if self.is_pending(event) {
            self.pending_id = 0;
            self.unknown &= !self.acknowledged;
            return Step { replace_rejected: true, told: true, ..Step::default() };
        }
        if event.possible_duplicate == 1 && event.owner.order_id != self.owner.order_id {
            return Step::repeated(); // Of a replacement before, refused already.
        }
        // A cancel that was not sent names its order twice.
        if self.cancel_sent && (self.acknowledged || event.original_id == event.owner.order_id) {
            self.cancel_sent = false;
            return Step::told();
        }
        if self.acknowledged || self.filled_lots > 0 || event.original_id != 0 {
            return self.impossible(event);
        }
        self.end(OrderState::NotSent);
        Step { closed: true, told: true, ..Step::default() }
    }

    fn not_found(&mut self, event: &OrderEvent) -> Step {
        if self.ended.is_some() {
            return Step::repeated();
        }
        if self.acknowledged && !self.unknown {
            self.unknown = true;
            let found = Some((BreakKind::ImpossibleTransition, event.lots, self.leaves_lots));
            return Step { found, told: true, ..Step::default() };
        }
        self.end(OrderState::Canceled);
        Step { closed: true, told: true, ..Step::default() }
    }

    fn refreshed(&mut self, event: &OrderEvent) -> Step {
        if self.ended.is_some() {
            return self.impossible(event);
        }
        self.venue_order_ref = event.venue_order_ref;
        Step::repeated()
    }
}
