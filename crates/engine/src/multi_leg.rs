//! The life of a multi-leg order: what its legs' orders tell, what it wants next. No I/O, no risk, no orders of its own.
//!
//! It works off facts, not events: after anything that may concern it the engine tells how its orders stand and asks what is next
//! until nothing is. A repeated report, a late one or one that never came therefore needs no case of its own.
//!
//! Invariant: a state changes only as [`LEG_STEPS`] and [`STEPS`] say. While a leg's order may trade nothing is unwound, unless
//! nobody can say how that order stands; the end comes only when no order of it is open.

use records::{
    LEGS_MAX, LegAsk, LegState, MultiLegCause, MultiLegState, NewOrder, RejectCode, State, StateError, StateReader,
    StateValue, StateWriter, UNDEF_PRICE,
};
use risk::{Binding, Reserve};

use crate::executor::Executor;
use crate::far::Far;

/// Multi-leg orders that an engine may have open at once.
pub(crate) const MULTI_LEGS_MAX: usize = 128;
/// Tries at unwinding within the time that it has.
const TRIES: u64 = 8;

/// What happens to a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LegEvent {
    /// Its order is sent.
    Sent,
    /// Its order filled.
    Filled,
    /// Its order ended before, or a trade of it was broken.
    Short,
    /// It is not wanted any more: the multi-leg order failed.
    Dropped,
    /// The order that unwinds it is sent.
    UnwindSent,
    /// That order ended.
    UnwindEnded,
    /// As much was traded back as it filled.
    Back,
    /// What is left stays.
    GivenUp,
    /// More was filled than was known.
    Late,
}

/// From, event, to. Anything else is a bug.
pub(crate) const LEG_STEPS: [(LegState, LegEvent, LegState); 11] = [
    (LegState::Waiting, LegEvent::Sent, LegState::Working),
    (LegState::Waiting, LegEvent::Dropped, LegState::Ended),
    (LegState::Working, LegEvent::Filled, LegState::Filled),
    (LegState::Working, LegEvent::Short, LegState::Ended),
    (LegState::Filled, LegEvent::Short, LegState::Ended),
    (LegState::Filled, LegEvent::Dropped, LegState::Ended),
    (LegState::Ended, LegEvent::UnwindSent, LegState::Unwinding),
    (LegState::Ended, LegEvent::Back, LegState::Unwound),
    (LegState::Ended, LegEvent::GivenUp, LegState::Left),
    (LegState::Unwinding, LegEvent::UnwindEnded, LegState::Ended),
    (LegState::Unwound, LegEvent::Late, LegState::Ended),
];

/// From, to. `Refused` is told and never entered.
pub(crate) const STEPS: [(MultiLegState, MultiLegState); 5] = [
    (MultiLegState::Working, MultiLegState::Compensating),
    (MultiLegState::Working, MultiLegState::Completed),
    (MultiLegState::Compensating, MultiLegState::Completed),
    (MultiLegState::Compensating, MultiLegState::Unwound),
    (MultiLegState::Compensating, MultiLegState::Incomplete),
];

/// How an order of a leg stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// It may trade, or trades of it are still to be booked.
    pub busy: bool,
    /// Nobody can say how it stands.
    pub unknown: bool,
    /// Lots filled, broken trades taken off.
    pub filled_lots: i64,
    /// Lots that may still fill.
    pub open_lots: i64,
}

records::state_value!(Facts { busy, unknown, filled_lots, open_lots });

/// A leg.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leg {
    /// Its order, as it is or will be sent.
    pub command: NewOrder,
    pub binding: Binding,
    pub listing: u16,
    /// The worst price at which it is unwound; undefined: what it filled is kept.
    pub unwind_nanos: i64,
    /// What is reserved while it waits.
    pub ahead: Reserve,
    /// What is reserved to unwind it.
    pub back: Reserve,
    /// The first id of its order, 0: not sent.
    pub order_id: u64,
    /// The id of the latest order that unwinds it, 0: none.
    pub unwind_id: u64,
    pub order: Facts,
    pub unwind: Facts,
    /// What orders before that one traded back.
    pub unwound_before_lots: i64,
    pub state: LegState,
    /// Until then unwinding it is not tried again.
    pub retry_ns: u64,
    /// Its order, or the one that unwinds it, was asked to go.
    pub cancel_asked: bool,
    /// It is run by another engine, under its limits: nothing is held or sent for it here.
    pub far: Option<Far>,
}

records::state_value!(Leg {
    command,
    binding,
    listing,
    unwind_nanos,
    ahead,
    back,
    order_id,
    unwind_id,
    order,
    unwind,
    unwound_before_lots,
    state,
    retry_ns,
    cancel_asked,
    far,
});

impl Leg {
    /// Lots that were traded back.
    pub fn unwound_lots(&self) -> i64 {
        self.unwound_before_lots + self.unwind.filled_lots
    }

    /// Lots that it filled and that were not traded back.
    pub fn left_lots(&self) -> i64 {
        self.order.filled_lots - self.unwound_lots()
    }

    /// Lots to trade back now: no more than was reserved for it.
    pub fn unwinding_lots(&self) -> i64 {
        self.left_lots().min(self.command.lots)
    }

    fn step(&mut self, event: LegEvent) {
        let found = LEG_STEPS.iter().find(|(from, what, _)| (*from, *what) == (self.state, event));
        let (_, _, to) = found.expect("a step of the table");
        self.state = *to;
    }

    /// Its order is sent under this id.
    pub fn sent(&mut self, order_id: u64) {
        self.order_id = order_id;
        self.order = Facts { busy: true, open_lots: self.command.lots, ..Facts::default() };
        self.step(LegEvent::Sent);
    }

    /// It cannot be sent.
    pub fn refused(&mut self) {
        self.step(LegEvent::Dropped);
    }

    /// So many lots of it are unwound under this id.
    pub fn unwinds(&mut self, order_id: u64, lots: i64) {
        self.unwound_before_lots = self.unwound_lots();
        self.unwind_id = order_id;
        self.unwind = Facts { busy: true, open_lots: lots, ..Facts::default() };
        self.cancel_asked = false;
        self.step(LegEvent::UnwindSent);
    }

    /// The id of its order, or of the one that unwinds it, 0: none was sent.
    pub fn latest_id(&self) -> u64 {
        match &self.far {
            Some(far) => far.answer.order_id,
            None if self.unwind_id == 0 => self.order_id,
            None => self.unwind_id,
        }
    }

    /// Takes how its orders stand; a forgotten one stays as it was, and is over.
    pub fn note(&mut self, order: Option<Facts>, unwind: Option<Facts>) {
        let over = |facts: Facts| Facts { busy: false, unknown: false, open_lots: 0, ..facts };
        self.order = order.unwrap_or(over(self.order));
        self.unwind = unwind.unwrap_or(over(self.unwind));
    }

    /// The same, and goes on by it.
    pub fn hear(&mut self, order: Option<Facts>, unwind: Option<Facts>) {
        self.note(order, unwind);
        let (filled, missing) = (self.order.filled_lots >= self.command.lots, self.left_lots() != 0);
        match self.state {
            LegState::Working if !self.order.busy => self.step(if filled { LegEvent::Filled } else { LegEvent::Short }),
            LegState::Filled if !filled => self.step(LegEvent::Short),
            LegState::Unwinding if !self.unwind.busy => self.step(LegEvent::UnwindEnded),
            LegState::Unwound if missing => self.step(LegEvent::Late),
            _ => {}
        }
    }

    /// What unwinding it must still have reserved: open lots, spare lots, orders.
    pub fn needs(&self) -> (i64, i64, i64) {
        if self.is_over() {
            return (0, 0, 0);
        }
        let spare_lots = match self.state {
            LegState::Waiting => self.command.lots,
            _ => self.order.open_lots,
        };
        let lots = (self.left_lots() - self.unwind.open_lots).max(0);
        (lots, spare_lots, i64::from(lots > 0 && !self.order.busy && !self.unwind.busy))
    }

    fn is_over(&self) -> bool {
        matches!(self.state, LegState::Unwound | LegState::Left)
    }
}

/// What a multi-leg order wants of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// Nothing, until something happens or the time [`MultiLeg::due_ns`] has come.
    Nothing,
    /// The order of this leg.
    Send(usize),
    /// The end of this leg's order.
    Cancel(usize),
    /// The end of the order that unwinds this leg.
    CancelUnwind(usize),
    /// An order that trades back what this leg filled.
    Unwind(usize),
    /// That the engine which runs this leg lets go of it.
    Close(usize),
    /// Its own end in this state.
    End(MultiLegState),
}

/// A multi-leg order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MultiLeg {
    /// Its id; 0: this place is free.
    pub id: u64,
    pub tag: i64,
    pub slot: u8,
    pub state: MultiLegState,
    pub cause: Option<MultiLegCause>,
    /// Why a leg was refused, and by which limit.
    pub refused: Option<(RejectCode, u32)>,
    /// The leg that it failed for.
    pub failed_leg: usize,
    /// A leg leaves when the one before it has filled.
    pub one_by_one: bool,
    /// Engine time until which the present state may go on.
    pub until_ns: u64,
    /// Engine time until which its legs may trade.
    pub legs_until_ns: u64,
    /// Time that unwinding has.
    pub unwind_ns: u64,
    pub legs: [Leg; LEGS_MAX],
    pub legs_count: usize,
    /// It is one leg of another engine's, and does what that one asks.
    pub executor: Option<Executor>,
    /// How it ends, once the engines that run legs of it have let go of them.
    pub decided: Option<MultiLegState>,
}

records::state_value!(MultiLeg {
    id,
    tag,
    slot,
    state,
    cause,
    refused,
    failed_leg,
    one_by_one,
    until_ns,
    legs_until_ns,
    unwind_ns,
    legs,
    legs_count,
    executor,
    decided,
});

impl MultiLeg {
    pub fn legs(&self) -> &[Leg] {
        &self.legs[..self.legs_count]
    }

    pub fn legs_mut(&mut self) -> &mut [Leg] {
        &mut self.legs[..self.legs_count]
    }

    fn enter(&mut self, state: MultiLegState) {
        assert!(STEPS.contains(&(self.state, state)), "a step of the table");
        self.state = state;
    }

    /// It does not go on. The first cause counts.
    pub fn fail(&mut self, leg: usize, cause: MultiLegCause, now_ns: u64) {
        if self.state == MultiLegState::Working && self.decided.is_none() {
            self.enter(MultiLegState::Compensating);
            (self.cause, self.failed_leg) = (Some(cause), leg);
            self.until_ns = now_ns.saturating_add(self.unwind_ns);
        }
    }

    /// Its legs have heard how their orders stand: whether it goes on.
    pub fn hear(&mut self, now_ns: u64) {
        if self.executor.is_some() || self.decided.is_some() {
            return;
        }
        let refused = |leg: &Leg| leg.far.and_then(|far| far.refused());
        if let Some(leg) = self.legs().iter().position(|leg| refused(leg).is_some()) {
            self.refused = self.refused.or(refused(&self.legs[leg]));
            self.fail(leg, MultiLegCause::LegRefused, now_ns);
        }
        let silent = |leg: &Leg| leg.far.is_some_and(|far| far.is_silent(now_ns));
        if let Some(leg) = self.legs().iter().position(silent) {
            self.fail(leg, MultiLegCause::PeerSilent, now_ns);
        }
        if let Some(leg) = self.legs().iter().position(|leg| leg.state == LegState::Ended) {
            self.fail(leg, MultiLegCause::LegEnded, now_ns);
        }
        let missing = self.legs().iter().position(|leg| leg.state != LegState::Filled);
        if let Some(leg) = missing.filter(|_| now_ns >= self.until_ns) {
            self.fail(leg, MultiLegCause::Timeout, now_ns);
        }
    }

    /// Whether unwinding has no time any more.
    pub fn is_late(&self, now_ns: u64) -> bool {
        if self.executor.is_some() {
            return now_ns >= self.until_ns.saturating_add(self.unwind_ns);
        }
        self.state == MultiLegState::Compensating && now_ns >= self.until_ns
    }

    /// Whether another engine runs a leg of it.
    pub fn goes_far(&self) -> bool {
        self.legs().iter().any(|leg| leg.far.is_some())
    }

    /// What it wants now. `may_begin`: its slot runs; `may_unwind`: it may send orders that trade back.
    pub fn want(&mut self, now_ns: u64, may_begin: bool, may_unwind: bool) -> Want {
        if let Some(executor) = self.executor {
            return self.want_as_asked(&executor, now_ns, may_begin, may_unwind);
        }
        if self.decided.is_some() {
            return self.want_close();
        }
        let filled = self.legs().iter().all(|leg| leg.state == LegState::Filled);
        if filled {
            return self.finish(MultiLegState::Completed);
        }
        match self.state {
            MultiLegState::Working if !self.is_ready() => Want::Nothing,
            MultiLegState::Working => {
                let one_by_one = self.one_by_one;
                let next =
                    |leg: &Leg| if one_by_one { leg.state != LegState::Filled } else { leg.state == LegState::Waiting };
                let next = self.legs().iter().position(next);
                let waits = |at: &usize| self.legs[*at].state == LegState::Waiting;
                next.filter(waits).map_or(Want::Nothing, Want::Send)
            }
            _ => self.want_back(now_ns, may_unwind),
        }
    }

    /// Whether every engine that runs a leg of it has reserved what the leg may need.
    fn is_ready(&self) -> bool {
        self.legs().iter().all(|leg| leg.far.is_none_or(|far| far.is_reserved()))
    }

    /// It ends so, as soon as other engines have let go of its legs.
    fn finish(&mut self, state: MultiLegState) -> Want {
        if !self.goes_far() {
            return Want::End(state);
        }
        self.decided = Some(state);
        self.want_close()
    }

    fn want_close(&self) -> Want {
        let asked = |far: &Far| far.is_closed() || far.ask == LegAsk::Close;
        if let Some(at) = self.legs().iter().position(|leg| leg.far.is_some_and(|far| !asked(&far))) {
            return Want::Close(at);
        }
        if self.legs().iter().any(|leg| leg.far.is_some_and(|far| !far.is_closed())) {
            return Want::Nothing;
        }
        let left = self.legs().iter().any(|leg| leg.left_lots() != 0);
        match self.decided {
            Some(MultiLegState::Completed) => Want::End(MultiLegState::Completed),
            _ => Want::End(if left { MultiLegState::Incomplete } else { MultiLegState::Unwound }),
        }
    }

    /// What it wants as one leg of another engine's: no more than was asked for, and never longer than its time.
    fn want_as_asked(&mut self, executor: &Executor, now_ns: u64, may_begin: bool, may_unwind: bool) -> Want {
        let asks = |ask: LegAsk| executor.ask == ask;
        let begins = asks(LegAsk::Reserve) || asks(LegAsk::Send);
        let over = !begins || executor.stopped || now_ns >= self.until_ns || !may_unwind;
        let stops = asks(LegAsk::StopUnwind) || asks(LegAsk::Close) || !may_unwind;
        let leg = &mut self.legs[0];
        match leg.state {
            LegState::Waiting if over || (asks(LegAsk::Send) && !may_begin) => leg.step(LegEvent::Dropped),
            LegState::Waiting if asks(LegAsk::Send) => return Want::Send(0),
            LegState::Working if over && !leg.cancel_asked => return Want::Cancel(0),
            LegState::Unwinding if stops && !leg.cancel_asked => return Want::CancelUnwind(0),
            _ => {}
        }
        if matches!(leg.state, LegState::Waiting | LegState::Working | LegState::Unwinding) {
            return Want::Nothing;
        }
        let new = asks(LegAsk::Unwind) && executor.tried < executor.request;
        if new && may_unwind && leg.left_lots() > 0 && leg.unwind_nanos != UNDEF_PRICE {
            if leg.state == LegState::Filled {
                leg.step(LegEvent::Dropped);
            }
            return if leg.state == LegState::Ended { Want::Unwind(0) } else { Want::Nothing };
        }
        if !may_unwind && leg.state == LegState::Filled {
            leg.step(LegEvent::Dropped);
        }
        if !may_unwind && leg.state == LegState::Ended {
            leg.step(LegEvent::GivenUp);
        }
        if asks(LegAsk::Close) { self.end_as_asked() } else { Want::Nothing }
    }

    fn end_as_asked(&mut self) -> Want {
        let leg = &self.legs[0];
        if leg.state == LegState::Filled {
            return Want::End(MultiLegState::Completed);
        }
        let left = leg.left_lots() != 0;
        if self.state == MultiLegState::Working {
            self.enter(MultiLegState::Compensating);
        }
        Want::End(if left { MultiLegState::Incomplete } else { MultiLegState::Unwound })
    }

    fn want_back(&mut self, now_ns: u64, may_unwind: bool) -> Want {
        let late = self.is_late(now_ns);
        for (at, leg) in self.legs().iter().enumerate().filter(|(_, leg)| !leg.cancel_asked) {
            match leg.state {
                LegState::Working => return Want::Cancel(at),
                LegState::Unwinding if late || !may_unwind => return Want::CancelUnwind(at),
                _ => {}
            }
        }
        if self.legs().iter().any(|leg| leg.state == LegState::Working && !leg.order.unknown) {
            return Want::Nothing;
        }
        for at in 0..self.legs_count {
            let leg = &mut self.legs[at];
            if matches!(leg.state, LegState::Waiting | LegState::Filled) {
                leg.step(LegEvent::Dropped);
            }
            if leg.state != LegState::Ended {
                continue;
            }
            let may_unwind = may_unwind && leg.far.is_none_or(|far| far.may_unwind());
            match leg.left_lots() {
                0 => leg.step(LegEvent::Back),
                lots if lots < 0 || leg.unwind_nanos == UNDEF_PRICE || late || !may_unwind => {
                    leg.step(LegEvent::GivenUp)
                }
                _ if now_ns >= leg.retry_ns => return Want::Unwind(at),
                _ => {}
            }
        }
        if !self.legs().iter().all(Leg::is_over) {
            return Want::Nothing;
        }
        let left = self.legs().iter().any(|leg| leg.left_lots() != 0);
        self.finish(if left { MultiLegState::Incomplete } else { MultiLegState::Unwound })
    }

    /// Unwinding a leg is tried now: not again at once.
    pub fn tries(&mut self, leg: usize, now_ns: u64) {
        self.legs[leg].retry_ns = now_ns.saturating_add((self.unwind_ns / TRIES).max(1));
    }

    /// It ends.
    pub fn end(&mut self, state: MultiLegState) {
        self.enter(state);
    }

    /// When time alone changes something for it.
    pub fn due_ns(&self, now_ns: u64) -> u64 {
        let waiting = self.legs().iter().filter(|leg| leg.state == LegState::Ended && leg.retry_ns > now_ns);
        let retry_ns = waiting.map(|leg| leg.retry_ns).min().unwrap_or(u64::MAX);
        let until_ns = if now_ns < self.until_ns { self.until_ns } else { u64::MAX };
        let asked = self.legs().iter().filter_map(|leg| leg.far).filter(|far| !far.is_closed());
        retry_ns.min(until_ns).min(asked.map(|far| far.due_ns).min().unwrap_or(u64::MAX))
    }
}

/// The multi-leg orders that have not ended.
#[derive(Debug)]
pub(crate) struct MultiLegs {
    cells: Vec<MultiLeg>,
    free: Vec<u8>,
    live: Vec<u8>,
}

/// Those that live, in the order in which they began; the places of the others, in the order in which they are taken.
impl State for MultiLegs {
    fn save(&self, out: &mut StateWriter) {
        let Self { cells, free, live } = self;
        out.list(free.iter());
        out.list(live.iter());
        live.iter().for_each(|at| cells[usize::from(*at)].put(out));
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        let Self { cells, free, live } = self;
        free.clear();
        live.clear();
        from.of("MultiLegs.free").list(cells.len(), |at: u8| free.push(at))?;
        from.of("MultiLegs.live").list(cells.len(), |at: u8| live.push(at))?;
        let mut places: Vec<u8> = free.iter().chain(live.iter()).copied().collect();
        places.sort_unstable();
        if !places.iter().copied().eq(0..cells.len() as u8) {
            return Err(from.wrong(format!("{} places; allowed is each of {} once", places.len(), cells.len())));
        }
        for at in live {
            cells[usize::from(*at)] = MultiLeg::take(from)?;
            if cells[usize::from(*at)].legs_count > LEGS_MAX {
                return Err(from.wrong(format!("more legs than {LEGS_MAX}, which are allowed")));
            }
        }
        Ok(())
    }
}

impl MultiLegs {
    pub fn new(empty: MultiLeg) -> Self {
        let free = (0..MULTI_LEGS_MAX as u8).rev().collect();
        Self { cells: vec![empty; MULTI_LEGS_MAX], free, live: Vec::with_capacity(MULTI_LEGS_MAX) }
    }

    pub fn has_room(&self) -> bool {
        !self.free.is_empty()
    }

    /// Puts one in; the caller has asked for room.
    pub fn insert(&mut self, multi_leg: &MultiLeg) -> u8 {
        let at = self.free.pop().expect("there is room");
        self.cells[usize::from(at)] = *multi_leg;
        self.live.push(at);
        at
    }

    pub fn remove(&mut self, at: u8) {
        self.cells[usize::from(at)].id = 0;
        self.live.retain(|live| *live != at);
        self.free.push(at);
    }

    #[inline]
    pub fn find(&self, id: u64) -> Option<u8> {
        self.live.iter().copied().find(|at| self.cells[usize::from(*at)].id == id)
    }

    /// The place of a leg that another engine asked for.
    pub fn find_executor(&self, origin: u16, id: u64, leg: u8) -> Option<u8> {
        let is = |at: &u8| self.get(*at).executor.is_some_and(|executor| executor.is(origin, id, leg));
        self.live.iter().copied().find(is)
    }

    /// Legs here that other engines asked for.
    pub fn executors(&self) -> usize {
        self.live.iter().filter(|at| self.get(**at).executor.is_some()).count()
    }

    pub fn live(&self) -> &[u8] {
        &self.live
    }

    pub fn get(&self, at: u8) -> &MultiLeg {
        &self.cells[usize::from(at)]
    }

    pub fn get_mut(&mut self, at: u8) -> &mut MultiLeg {
        &mut self.cells[usize::from(at)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_of_a_leg_is_reached_and_an_event_leads_to_one_state() {
        let mut reached = vec![LegState::Waiting];
        for (from, event, to) in LEG_STEPS {
            assert!(reached.contains(&from), "{from:?} before it is reached");
            reached.push(to);
            let same = LEG_STEPS.iter().filter(|step| (step.0, step.1) == (from, event));
            assert_eq!(same.count(), 1, "{from:?} {event:?}");
        }
        for (state, name, _) in LegState::ALL {
            assert!(reached.contains(state), "{name}");
        }
        assert!(LEG_STEPS.iter().all(|(from, _, _)| *from != LegState::Left), "what is left stays");
    }

    #[test]
    fn nothing_follows_an_end() {
        let ends = |state: MultiLegState| state >= MultiLegState::Completed;
        assert!(STEPS.iter().all(|(from, to)| !ends(*from) && *to != MultiLegState::Refused));
        for (state, name, _) in MultiLegState::ALL.iter().filter(|(state, _, _)| ends(*state)) {
            let entered = STEPS.iter().any(|(_, to)| to == state);
            assert_eq!(entered, *state != MultiLegState::Refused, "{name}");
        }
    }
}
