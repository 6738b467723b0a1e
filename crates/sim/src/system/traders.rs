//! The strategy of every run: does all that orders can do, legs at the other region included, in an order that its seed decides,
//! until its time is over; then it takes back what is left. And it goes wrong when it is told to.
//!
//! Invariant: what it does follows from its seed, what it is called with, and times that stand in the plan of the run.

use engine::{EventRef, Wants};
use records::{
    BOOK_STALE, BOOK_TWO_SIDED, CallStatus, Callback, INTENTS_MAX, IntentKind, OrderIntent, OrderState, OrderType,
    OrdersView, Parameter, Side, TimeInForce, UNDEF_PRICE,
};
use strategies::{Failure, RustStrategy};

use super::configs::TICK;
use crate::random::Random;

/// Orders that it works at once.
const WORKING: usize = 20;
/// Legs in another engine, once in so many acts.
const LEGS_ONCE_IN: u64 = 40;

/// How it goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// A callback raises.
    Fails,
    /// A callback never ends, as far as its fuel goes.
    Loops,
    /// Every callback for a while asks for all that it can.
    Floods,
    /// It asks for more than a buffer holds.
    Overfills,
}

/// What it does.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its seed.
    pub seed: u64,
    /// It acts until then, ns UTC.
    pub stop_ns: u64,
    /// It acts on one call in so many.
    pub once_in: u64,
    /// Acts at most, in one life.
    pub acts_max: u64,
    /// When it goes wrong, and how: from, until, ns UTC.
    pub wrong: Vec<(u64, u64, Wrong)>,
}

/// The strategy.
pub struct Trader {
    plan: Plan,
    random: Random,
    calls: u64,
    acts: u64,
}

/// A new order for the day.
pub fn intent(listing: u32, side: Side, price_nanos: i64, lots: i64) -> OrderIntent {
    let mut intent = OrderIntent::zeroed();
    (intent.listing, intent.side) = (listing, u32::from(side.code()));
    (intent.price_nanos, intent.lots) = (price_nanos, lots);
    intent.intent = u32::from(IntentKind::New.code());
    intent.order_type = u16::from(OrderType::Limit.code());
    intent.time_in_force = TimeInForce::Day.code();
    intent
}

/// Asks for it, where there is room for one more.
pub fn push(orders: &mut OrdersView, intent: OrderIntent) {
    if (orders.intents_count as usize) < INTENTS_MAX {
        orders.intents[orders.intents_count as usize] = intent;
        orders.intents_count += 1;
    }
}

impl Trader {
    /// One with this plan.
    pub fn new(plan: Plan) -> Self {
        Self { random: Random::new(plan.seed), plan, calls: 0, acts: 0 }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.random.between(0, bound.max(1) - 1)
    }

    fn side(&mut self) -> Side {
        if self.below(2) == 0 { Side::Buy } else { Side::Sell }
    }

    fn act(&mut self, orders: &mut OrdersView) {
        let view = orders.listings[0];
        if view.flags & BOOK_TWO_SIDED == 0 || view.flags & BOOK_STALE != 0 {
            return;
        }
        self.acts += 1;
        if self.below(LEGS_ONCE_IN) == 0 {
            return self.act_in_legs(orders);
        }
        let side = self.side();
        let (near, far) = match side {
            Side::Buy => (view.bid_nanos, view.ask_nanos),
            Side::Sell => (view.ask_nanos, view.bid_nanos),
        };
        let away = self.below(4) as i64 * TICK * side.sign();
        let mut wanted = intent(0, side, near - away, 1 + self.below(40) as i64);
        let working = (orders.working_count as usize).min(orders.working.len());
        let named = (working > 0).then(|| orders.working[self.below(working as u64) as usize]);
        match (self.below(12), named.filter(|order| order.state == u32::from(OrderState::Live.code()))) {
            (0..=4, _) if working < WORKING => {}
            (5 | 6, _) if working < WORKING => wanted.price_nanos = far,
            (7, _) => {
                wanted.price_nanos = far;
                wanted.time_in_force = TimeInForce::ImmediateOrCancel.code();
            }
            (8 | 9, Some(order)) => {
                wanted.intent = u32::from(IntentKind::Replace.code());
                (wanted.order_id, wanted.listing, wanted.side) = (order.order_id, order.listing, order.side);
                wanted.price_nanos = order.price_nanos + (self.below(5) as i64 - 2) * TICK;
                wanted.lots = (order.lots + self.below(21) as i64 - 10).max(1);
            }
            (_, Some(order)) => {
                wanted.intent = u32::from(IntentKind::Cancel.code());
                (wanted.order_id, wanted.listing, wanted.side) = (order.order_id, order.listing, order.side);
            }
            _ => return,
        }
        push(orders, wanted);
    }

    /// One leg here, one in the other region at its best price as far as it is known, both unwound if one fails.
    fn act_in_legs(&mut self, orders: &mut OrdersView) {
        let (view, there) = (orders.listings[0], orders.regions[1].regions[0]);
        if there.region == 0 || there.bid_nanos == UNDEF_PRICE || there.ask_nanos == UNDEF_PRICE {
            return;
        }
        let (side, lots) = (self.side(), 1 + self.below(20) as i64);
        let through = self.below(3) as i64 * TICK;
        let price = |bid: i64, ask: i64, side: Side| match side {
            Side::Buy => ask + through,
            Side::Sell => bid - through,
        };
        for (listing, side, bid, ask) in
            [(0, side, view.bid_nanos, view.ask_nanos), (1, side.opposite(), there.bid_nanos, there.ask_nanos)]
        {
            let at = price(bid, ask, side);
            let mut leg = intent(listing, side, at, lots);
            leg.intent = u32::from(IntentKind::Leg.code());
            leg.expire_time_ns = (at - side.sign() * 50 * TICK).cast_unsigned();
            push(orders, leg);
        }
        let mut whole = OrderIntent::zeroed();
        whole.intent = u32::from(IntentKind::MultiLeg.code());
        whole.order_id = 1 + self.below(1 << 20);
        whole.expire_time_ns = 300_000_000 + self.below(1_000_000_000);
        whole.lots = 50_000_000 + self.below(200_000_000) as i64;
        whole.post_only = self.below(2) as u8;
        push(orders, whole);
    }

    fn go_wrong(&self, wrong: Wrong, orders: &mut OrdersView) -> Result<(), Failure> {
        match wrong {
            Wrong::Fails => return Err(Failure { status: CallStatus::DivisionByZero, line: 42 }),
            Wrong::Loops => return Err(Failure { status: CallStatus::OutOfFuel, line: 43 }),
            Wrong::Overfills => orders.intents_count = INTENTS_MAX as u32 + 1,
            Wrong::Floods => {
                let view = orders.listings[0];
                for _ in 0..INTENTS_MAX {
                    push(orders, intent(0, Side::Buy, view.bid_nanos - 10 * TICK, 1));
                }
            }
        }
        Ok(())
    }
}

impl RustStrategy for Trader {
    fn wants(&self) -> Wants {
        // Bit 3: it looks at other regions.
        Wants::new(8, |callback| [Callback::Book, Callback::Trade, Callback::Order, Callback::Fill].contains(&callback))
    }

    fn set_parameter(&mut self, _parameter: &Parameter) -> Result<(), CallStatus> {
        Err(CallStatus::OutOfBounds)
    }

    fn reset(&mut self) {
        // What it did before it went wrong is not done again.
        let (calls, acts) = (self.calls, self.acts);
        *self = Self::new(self.plan.clone());
        self.random = Random::new(self.plan.seed ^ calls);
        (self.calls, self.acts) = (calls, acts);
    }

    fn call(&mut self, callback: Callback, _event: EventRef<'_>, orders: &mut OrdersView) -> Result<(), Failure> {
        self.calls += 1;
        let now_ns = orders.time_ns;
        if now_ns >= self.plan.stop_ns {
            if callback == Callback::Timer && orders.working_count > 0 {
                let mut all = OrderIntent::zeroed();
                all.intent = u32::from(IntentKind::CancelAll.code());
                push(orders, all);
            }
            return Ok(());
        }
        if let Some((_, _, wrong)) =
            self.plan.wrong.iter().copied().find(|(from_ns, until_ns, _)| (*from_ns..*until_ns).contains(&now_ns))
        {
            return self.go_wrong(wrong, orders);
        }
        if self.acts < self.plan.acts_max && self.below(self.plan.once_in) == 0 {
            self.act(orders);
        }
        Ok(())
    }

    fn state_hash(&self) -> u64 {
        self.random.clone().number() ^ self.calls ^ self.acts.rotate_left(32)
    }
}
