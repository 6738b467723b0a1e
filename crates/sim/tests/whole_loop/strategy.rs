//! A strategy that does everything that orders can do, in an order that its seed decides, until its time is over; then it
//! cancels what is left. And the same with a failure planted.
//!
//! Invariant: what it does follows from its seed and what it is called with.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use engine::{EventRef, Wants};
use records::*;
use sim::Random;
use strategies::{Failure, RustStrategy};

use crate::bootstrap::TICK;
use crate::fix::quotes;
use sim::system::traders::{intent as new_intent, push};

const HOUR_NS: u64 = 3_600_000_000_000;

/// How it goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    None,
    /// A callback fails at this engine time.
    Fails(u64),
    /// From this engine time on every callback asks for all it can.
    Floods(u64),
    /// At this engine time it asks for more than a buffer holds.
    Overfills(u64),
}

/// What a test sees of it; no part of its state.
#[derive(Debug, Default)]
pub struct Seen {
    pub stale: AtomicU64,
    pub live_again: AtomicU64,
    pub disconnected: AtomicU64,
    pub fills: AtomicU64,
    /// Price, paired and left lots of each word of a call.
    pub auctions: Mutex<Vec<[i64; 3]>>,
}

/// What a test has it do, each at the first timer after its time.
pub type Script = Arc<Mutex<Vec<(u64, Step)>>>;

/// One thing to do at the first listing; an order is named by its price.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    New(Side, i64, i64, TimeInForce),
    /// To this price and total.
    Replace(i64, i64, i64),
    Cancel(i64),
}

#[derive(Clone)]
pub struct Plan {
    /// Instead of what the seed decides.
    pub script: Option<Script>,
    pub seed: u64,
    pub stop_ns: u64,
    pub flaw: Flaw,
    pub seen: Arc<Seen>,
}

pub struct Wanderer {
    plan: Plan,
    random: Random,
    calls: u64,
    was_stale: bool,
    /// All that it asks for is a quote, and one call may ask for much.
    quotes: bool,
    /// Steps of the script that were taken.
    taken: usize,
}

impl Wanderer {
    pub fn new(plan: Plan) -> Self {
        Self { random: Random::new(plan.seed), plan, calls: 0, was_stale: false, quotes: quotes(), taken: 0 }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.random.between(0, bound - 1)
    }

    fn look(&mut self, event: EventRef<'_>) {
        let add = |counter: &AtomicU64| {
            counter.fetch_add(1, Ordering::Relaxed);
        };
        match event {
            EventRef::Status(view) => {
                let stale = view.stale == 1;
                if stale && !self.was_stale {
                    add(&self.plan.seen.stale);
                }
                if !stale && self.was_stale {
                    add(&self.plan.seen.live_again);
                }
                self.was_stale = stale;
                if view.connected == 0 {
                    add(&self.plan.seen.disconnected);
                }
            }
            EventRef::Auction(view) => {
                let said = [view.indicative_nanos, view.paired_lots, view.imbalance_lots];
                self.plan.seen.auctions.lock().unwrap().push(said);
            }
            EventRef::Fill(_) => add(&self.plan.seen.fills),
            _ => {}
        }
    }

    fn act(&mut self, orders: &mut OrdersView) {
        let listing = self.below(u64::from(orders.listings_count.max(1))) as usize;
        let view = orders.listings[listing];
        if view.flags & BOOK_TWO_SIDED == 0 || view.flags & BOOK_STALE != 0 {
            return;
        }
        let side = if self.below(2) == 0 { Side::Buy } else { Side::Sell };
        let (near, far) = match side {
            Side::Buy => (view.bid_nanos, view.ask_nanos),
            Side::Sell => (view.ask_nanos, view.bid_nanos),
        };
        let away = self.below(4) as i64 * TICK * side.sign();
        let mut intent = new_intent(listing as u32, side, near - away, 1 + self.below(40) as i64);
        let working = orders.working_count as usize;
        match self.below(12) {
            0..=4 if working < 24 => {}
            5 | 6 if working < 24 => intent.price_nanos = far,
            7 => {
                intent.price_nanos = far;
                intent.time_in_force = TimeInForce::ImmediateOrCancel.code();
            }
            8 | 9 if working > 0 => {
                let order = orders.working[self.below(working as u64) as usize];
                intent.intent = u32::from(IntentKind::Replace.code());
                (intent.order_id, intent.listing, intent.side) = (order.order_id, order.listing, order.side);
                intent.price_nanos = order.price_nanos + (self.below(5) as i64 - 2) * TICK;
                intent.lots = (order.lots + self.below(21) as i64 - 10).max(1);
            }
            _ if working > 0 => {
                let order = orders.working[self.below(working as u64) as usize];
                intent.intent = u32::from(IntentKind::Cancel.code());
                (intent.order_id, intent.listing, intent.side) = (order.order_id, order.listing, order.side);
            }
            _ => return,
        }
        let named = |order: &WorkingOrder| order.order_id == intent.order_id;
        let busy = |order: &WorkingOrder| named(order) && order.state != u32::from(OrderState::Live.code());
        let asked = &orders.intents[..orders.intents_count as usize];
        let again = intent.order_id != 0 && asked.iter().any(|other| other.order_id == intent.order_id);
        // Else refusals of its many quotes would be told, and answered with more.
        if !(self.quotes && (again || orders.working[..working].iter().any(busy))) {
            push(orders, intent);
        }
    }
}

impl Wanderer {
    /// Takes the steps of the script that are due.
    fn follow(&mut self, script: &Script, orders: &mut OrdersView) {
        let steps = script.lock().unwrap();
        while let Some((due_ns, step)) = steps.get(self.taken)
            && *due_ns < orders.time_ns
            && (orders.intents_count as usize) < INTENTS_MAX
        {
            self.taken += 1;
            let working = &orders.working[..orders.working_count as usize];
            let at = |price: i64| working.iter().find(|order| order.price_nanos == price);
            let intent = match *step {
                Step::New(side, price, lots, time_in_force) => {
                    let mut intent = new_intent(0, side, price, lots);
                    intent.time_in_force = time_in_force.code();
                    if time_in_force == TimeInForce::GoodTillTime {
                        intent.expire_time_ns = self.plan.stop_ns + HOUR_NS;
                    }
                    Some(intent)
                }
                Step::Replace(price, new_price, lots) => at(price).map(|order| OrderIntent {
                    intent: u32::from(IntentKind::Replace.code()),
                    order_id: order.order_id,
                    ..new_intent(0, Side::Buy, new_price, lots)
                }),
                Step::Cancel(price) => at(price).map(|order| OrderIntent {
                    intent: u32::from(IntentKind::Cancel.code()),
                    order_id: order.order_id,
                    ..OrderIntent::zeroed()
                }),
            };
            if let Some(intent) = intent {
                push(orders, intent);
            }
        }
    }
}

impl RustStrategy for Wanderer {
    fn wants(&self) -> Wants {
        let called = [Callback::Book, Callback::Trade, Callback::Auction, Callback::Order, Callback::Fill];
        Wants::new(0, |callback| called.contains(&callback))
    }

    fn set_parameter(&mut self, _parameter: &Parameter) -> Result<(), CallStatus> {
        Err(CallStatus::OutOfBounds)
    }

    fn reset(&mut self) {
        *self = Self::new(self.plan.clone());
    }

    fn call(&mut self, callback: Callback, event: EventRef<'_>, orders: &mut OrdersView) -> Result<(), Failure> {
        self.calls += 1;
        self.look(event);
        let now_ns = orders.time_ns;
        match self.plan.flaw {
            Flaw::Fails(at_ns) if now_ns >= at_ns => {
                return Err(Failure { status: CallStatus::DivisionByZero, line: 42 });
            }
            Flaw::Overfills(at_ns) if now_ns >= at_ns => {
                orders.intents_count = INTENTS_MAX as u32 + 1;
                return Ok(());
            }
            Flaw::Floods(at_ns) if (at_ns..self.plan.stop_ns).contains(&now_ns) => {
                let view = orders.listings[0];
                for _ in 0..INTENTS_MAX {
                    push(orders, new_intent(0, Side::Buy, view.bid_nanos - 10 * TICK, 1));
                }
                return Ok(());
            }
            _ => {}
        }
        if now_ns >= self.plan.stop_ns {
            if callback == Callback::Timer && orders.working_count > 0 {
                let mut intent = OrderIntent::zeroed();
                intent.intent = u32::from(IntentKind::CancelAll.code());
                push(orders, intent);
            }
            return Ok(());
        }
        match self.plan.script.clone() {
            Some(script) if callback == Callback::Timer => self.follow(&script, orders),
            Some(_) => {}
            None if self.below(if self.quotes { 6 } else { 3 }) == 0 => {
                let times = if self.quotes { 1 + self.below(3) } else { 1 };
                (0..times).for_each(|_| self.act(orders));
            }
            None => {}
        }
        if self.quotes {
            let asked = orders.intents_count as usize;
            orders.intents[..asked].iter_mut().for_each(|intent| intent.intent |= INTENT_QUOTE);
        }
        Ok(())
    }

    fn state_hash(&self) -> u64 {
        self.random.clone().number() ^ self.calls
    }

    fn save_state(&self, out: &mut StateWriter) {
        let Self { plan: _, random, calls, was_stale, quotes: _, taken } = self;
        random.put(out);
        (*calls, *was_stale, *taken).put(out);
    }

    fn load_state(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.random = Random::take(from)?;
        (self.calls, self.was_stale, self.taken) = StateValue::take(from)?;
        Ok(())
    }
}
