//! Controls that need the whole fold: halts and gateways (23), our own orders (25), parts (32), and what is said of use.

mod support;

use records::*;
use support::{OTHER_VENUE, PRICE, SHARE, SLOT, TICK, VENUE, World, new_intent, replace_intent};

const STRATEGY_NODE: u32 = 3;
const HOLDER: u32 = 1; // The engine's shard.

/// A second slot whose orders prevent self-trades; the first one's do not.
fn world(mode: Option<SelfTrade>) -> World {
    let mut world = World::with_slots(2);
    let mut slot = Slot::new();
    (slot.account, slot.strategy, slot.desk, slot.trader) = (support::ACCOUNT, 3, 2, 9);
    (slot.slot, slot.slot_version, slot.fuel) = (2, 2, 1000);
    slot.self_trade = mode.map_or(0, SelfTrade::code);
    control(&mut world, 2, SlotRun::Stopped);
    world.give(&slot);
    for (index, (venue, instrument)) in [(VENUE, SHARE), (OTHER_VENUE, SHARE)].into_iter().enumerate() {
        let mut bind = SlotBind::new();
        (bind.header.venue, bind.header.instrument, bind.slot, bind.index) = (venue, instrument, 2, index as u8);
        world.give(&bind);
    }
    control(&mut world, 2, SlotRun::Running);
    assert!(world.outputs::<Applied>().iter().all(|applied| applied.outcome == 1));
    world.clear();
    world
}

fn control(world: &mut World, slot: u8, run: SlotRun) {
    let mut record = StrategyControl::new();
    (record.slot, record.run) = (slot, run.code());
    world.give(&record);
}

/// An intent of slot 2, which runs in its own process as far as the fold is concerned.
fn ask(world: &mut World, venue: u16, intent: OrderIntent) {
    let mut record = Intent::new();
    (record.header.venue, record.header.instrument, record.slot) = (venue, SHARE, 2);
    (record.order_id, record.price_nanos, record.lots) = (intent.order_id, intent.price_nanos, intent.lots);
    (record.intent, record.side) = (intent.intent as u8, intent.side as u8);
    (record.order_type, record.time_in_force) = (intent.order_type as u8, intent.time_in_force);
    world.give(&record);
}

fn at(side: Side, price_nanos: i64, lots: i64) -> OrderIntent {
    OrderIntent { price_nanos, ..new_intent(side, lots) }
}

fn codes(world: &World) -> Vec<RejectCode> {
    world.outputs::<RiskReject>().iter().map(|reject| RejectCode::from_code(reject.code).unwrap()).collect()
}

#[test]
fn control_23_only_what_trades_and_a_gateway_that_is_there() {
    let status = |instrument: u32, trading: TradingState| {
        let mut record = Status::new();
        (record.header.venue, record.header.instrument, record.trading) = (VENUE, instrument, trading.code());
        record
    };
    let mut world = world(None);
    for state in [TradingState::Halted, TradingState::Paused, TradingState::QuoteOnly, TradingState::Closed] {
        for instrument in [SHARE, 0] {
            world.clear();
            world.give(&status(instrument, state));
            ask(&mut world, VENUE, at(Side::Buy, PRICE, 1));
            assert_eq!(codes(&world), [RejectCode::Halted], "{state:?} of {instrument}");
            ask(&mut world, OTHER_VENUE, at(Side::Buy, PRICE, 1)); // There it trades.
            assert_eq!(world.commands::<NewOrder>().len(), 1);
            world.give(&status(instrument, TradingState::Trading));
            ask(&mut world, VENUE, at(Side::Buy, PRICE, 1));
            assert_eq!(world.commands::<NewOrder>().len(), 2);
        }
    }
    for state in [SessionState::Down, SessionState::Recovering] {
        world.session(VENUE, state);
        world.clear();
        ask(&mut world, VENUE, at(Side::Buy, PRICE, 1));
        assert_eq!(codes(&world), [RejectCode::GatewayNotReady], "{state:?}");
    }
}

#[test]
fn control_23_a_call_collects_orders_unless_the_venue_stands() {
    let mut world = world(None);
    let tell = |world: &mut World, instrument: u32, trading: TradingState| {
        let mut record = Status::new();
        (record.header.venue, record.header.instrument, record.trading) = (VENUE, instrument, trading.code());
        world.give(&record);
        world.clear();
        ask(world, VENUE, at(Side::Buy, PRICE, 1));
        world.commands::<NewOrder>().len()
    };
    assert_eq!(tell(&mut world, SHARE, TradingState::Auction), 1, "the instrument's call");
    assert_eq!(tell(&mut world, 0, TradingState::Halted), 0, "the venue stands");
    assert_eq!(tell(&mut world, 0, TradingState::Auction), 1, "a call of all");
    assert_eq!(tell(&mut world, SHARE, TradingState::Halted), 0, "but not of this one");
    assert_eq!(tell(&mut world, SHARE, TradingState::Trading), 1, "which joins it");
}

#[test]
fn control_5_a_market_order_leaves_with_a_price() {
    let mut world = world(None);
    let mut record = support::limit(50, STRATEGY_NODE, Metric::MarketOrder, 10_000);
    record.revision = 2;
    world.give(&record);
    let market =
        OrderIntent { price_nanos: UNDEF_PRICE, order_type: OrderType::Market.code().into(), ..at(Side::Buy, 0, 5) };
    ask(&mut world, VENUE, market);
    let order = world.commands::<NewOrder>()[0];
    // One percent through the ask at 100.01, down to the tick; the rest does not rest.
    assert_eq!((order.price_nanos, order.order_type), (101 * NANOS + TICK, OrderType::Limit.code()));
    assert_eq!(order.time_in_force, TimeInForce::ImmediateOrCancel.code());
    (record.value, record.revision) = (MoneyNanos::new(0), 3);
    world.give(&record);
    ask(&mut world, VENUE, market);
    assert_eq!(codes(&world), [RejectCode::MarketNotAllowed]);
}

/// Two sales of slot 1 rest: at the price with 30 lots, one tick up with 20.
fn resting(world: &mut World) -> [u64; 2] {
    world.intend(vec![at(Side::Sell, PRICE, 30), at(Side::Sell, PRICE + TICK, 20)]);
    let ids: Vec<_> = world.commands::<NewOrder>().iter().map(|order| order.owner.order_id).collect();
    for id in &ids {
        world.report(*id, OrderEventKind::Accepted, |_| {});
    }
    world.clear();
    [ids[0], ids[1]]
}

/// Mode, lots bought at one tick up, lots that leave, and of each sale the total it is reduced to (0: cancelled).
type Mode = (Option<SelfTrade>, i64, Option<i64>, &'static [(usize, i64)]);

#[test]
fn control_25_each_mode_does_what_it_says() {
    let table: [Mode; 8] = [
        (None, 40, Some(40), &[]),
        (Some(SelfTrade::CancelNewest), 40, None, &[]),
        (Some(SelfTrade::CancelOldest), 40, Some(40), &[(0, 0), (1, 0)]),
        (Some(SelfTrade::CancelBoth), 40, None, &[(0, 0), (1, 0)]),
        (Some(SelfTrade::Decrement), 40, None, &[(0, 0), (1, 10)]),
        (Some(SelfTrade::Decrement), 50, None, &[(0, 0), (1, 0)]),
        (Some(SelfTrade::Decrement), 60, Some(10), &[(0, 0), (1, 0)]),
        (Some(SelfTrade::Decrement), 10, None, &[(0, 20)]),
    ];
    for (mode, lots, leaves, taken) in table {
        let mut world = world(mode);
        let sales = resting(&mut world);
        ask(&mut world, OTHER_VENUE, at(Side::Buy, PRICE + TICK, lots)); // Another strategy, another venue.
        let sent: Vec<_> = world.commands::<NewOrder>().iter().map(|order| order.lots).collect();
        assert_eq!(sent, leaves.into_iter().collect::<Vec<_>>(), "{mode:?} {lots}");
        assert_eq!(
            codes(&world),
            if leaves.is_some() { vec![] } else { vec![RejectCode::SelfTrade] },
            "{mode:?} {lots}"
        );
        let asked: Vec<_> = world
            .commands::<CancelOrder>()
            .iter()
            .map(|cancel| (cancel.owner.order_id, cancel.lots, cancel.reason))
            .collect();
        let reason = Reason::SelfTradePrevention.code();
        assert_eq!(asked, taken.iter().map(|(at, total)| (sales[*at], *total, reason)).collect::<Vec<_>>(), "{mode:?}");
        // The cancels leave before the order that they make way for.
        let kinds: Vec<_> = world.out.commands.iter().map(|record| matches!(record, RecordRef::NewOrder(_))).collect();
        assert!(kinds.is_sorted(), "{mode:?}: {kinds:?}");
        assert_eq!(world.held(), 50 + leaves.unwrap_or(0), "{mode:?}: what rests stays held until its venue answers");
    }
}

#[test]
fn control_25_an_order_that_is_refused_otherwise_cancels_nothing() {
    let mut world = world(Some(SelfTrade::CancelOldest));
    let sales = resting(&mut world);
    ask(&mut world, VENUE, at(Side::Buy, PRICE, 501)); // One beyond the clip.
    assert_eq!(codes(&world), [RejectCode::MaxOrderQty]);
    assert!(world.commands::<CancelOrder>().is_empty());
    // At a price that crosses the first only, the first only goes; what is gone no longer stands in the way.
    ask(&mut world, VENUE, at(Side::Buy, PRICE, 10));
    assert_eq!(world.commands::<CancelOrder>().len(), 1);
    world.report(sales[0], OrderEventKind::Canceled, |event| event.lots = 30);
    world.clear();
    ask(&mut world, VENUE, at(Side::Buy, PRICE, 10));
    assert_eq!((world.commands::<NewOrder>().len(), world.commands::<CancelOrder>().len()), (1, 0));
}

#[test]
fn control_25_a_reduced_order_goes_on_with_what_is_left() {
    let mut world = world(Some(SelfTrade::Decrement));
    let sales = resting(&mut world);
    ask(&mut world, VENUE, at(Side::Buy, PRICE, 10));
    world.report(sales[0], OrderEventKind::Restated, |event| (event.lots, event.leaves_lots) = (10, 20));
    assert_eq!((world.state(sales[0]), world.held()), (OrderState::Live, 40));
    assert!(world.breaks().is_empty());
}

#[test]
fn control_25_a_replace_that_would_cross_is_refused() {
    let mut world = world(Some(SelfTrade::CancelOldest));
    let _sales = resting(&mut world);
    ask(&mut world, VENUE, at(Side::Buy, PRICE - TICK, 10));
    let buy = world.commands::<NewOrder>()[0].owner.order_id;
    world.report(buy, OrderEventKind::Accepted, |_| {});
    ask(&mut world, VENUE, replace_intent(buy, PRICE, 10));
    assert_eq!(codes(&world), [RejectCode::SelfTrade]);
    ask(&mut world, VENUE, replace_intent(buy, PRICE - 2 * TICK, 10));
    assert_eq!(world.commands::<ReplaceOrder>().len(), 1);
}

fn usages(world: &World, limit: u32) -> Vec<LimitUsage> {
    world.outputs::<LimitUsage>().into_iter().filter(|usage| usage.limit == limit).collect()
}

fn tick(world: &mut World, ns: u64) {
    world.now_ns += ns;
    for _ in 0..8 {
        world.give(&Timer::new()); // A round over all limits takes a few passes.
    }
}

fn amounts(usage: &LimitUsage) -> [i128; 6] {
    [usage.bound, usage.used_filled, usage.reserved_open, usage.unknown, usage.free, usage.high_water]
        .map(MoneyNanos::get)
}

const POSITION_LONG: u32 = 6;
const INTERVAL_NS: u64 = 100_000_000;

#[test]
fn use_is_told_at_the_interval_and_only_where_it_changed() {
    let mut world = World::new();
    tick(&mut world, INTERVAL_NS);
    world.clear();
    let id = world.live_order(Side::Buy, 100);
    world.fill(id, 30);
    assert!(usages(&world, POSITION_LONG).is_empty()); // Not in the order's pass.
    tick(&mut world, INTERVAL_NS);
    let told = usages(&world, POSITION_LONG);
    assert_eq!(told.iter().map(amounts).collect::<Vec<_>>(), [[1_000, 30, 70, 0, 900, 100]]);
    assert_eq!((told[0].header.instrument, told[0].node, told[0].metric), (SHARE, 1, Metric::PositionLong.code()));
    world.clear();
    tick(&mut world, INTERVAL_NS);
    assert!(world.outputs::<LimitUsage>().is_empty());
    world.session(VENUE, SessionState::Down); // Nobody knows what became of the rest.
    let cancel = world.fill(id, 20);
    assert!(cancel > 0);
    tick(&mut world, INTERVAL_NS);
    assert_eq!(usages(&world, POSITION_LONG).iter().map(amounts).collect::<Vec<_>>(), [[1_000, 50, 50, 50, 900, 100]]);
}

#[test]
fn a_part_below_its_use_is_told_at_once_with_what_is_lacking() {
    let mut world = World::new();
    let mut record = support::limit(60, 1, Metric::PositionLong, 500);
    (record.enforcement, record.revision) = (Enforcement::Global.code(), 7);
    world.give(&record);
    let mut refused = world.outputs::<RiskReject>();
    assert!(refused.is_empty());
    world.intend(vec![new_intent(Side::Buy, 1)]);
    refused = world.outputs::<RiskReject>();
    assert_eq!((refused[0].code, refused[0].limit), (RejectCode::GlobalQuota.code(), 60));
    let part = |holder: u32, upper: i128, revision: u64| {
        let mut part = Allocation::new();
        (part.limit, part.holder, part.upper, part.revision) = (60, holder, MoneyNanos::new(upper), revision);
        part.generation = 1;
        part
    };
    for (record, outcome) in [(part(HOLDER, 200, 8), 1), (part(HOLDER, 300, 8), 2), (part(2, 300, 9), 3)] {
        world.clear();
        world.give(&record);
        let applied = world.outputs::<Applied>();
        assert_eq!(
            (applied[0].control, applied[0].subject, applied[0].outcome),
            (Kind::Allocation as u16, 60, outcome)
        );
        assert_eq!(usages(&world, 60).len(), usize::from(outcome == 1));
    }
    let id = world.live_order(Side::Buy, 150);
    world.fill(id, 100);
    world.clear();
    world.give(&part(HOLDER, 120, 10));
    let usage = usages(&world, 60)[0];
    assert_eq!(amounts(&usage)[..5], [120, 100, 50, 0, -30]);
    assert_eq!((usage.enforcement, usage.no_part), (Enforcement::Global.code(), 0));
    world.report(id, OrderEventKind::Canceled, |event| event.lots = 50);
    tick(&mut world, INTERVAL_NS);
    assert_eq!(amounts(usages(&world, 60).last().unwrap())[..5], [120, 100, 0, 0, 20]);
}

#[test]
fn the_whole_state_is_said_on_request() {
    let mut world = World::with_slots(2);
    let id = world.live_order(Side::Buy, 10);
    world.fill(id, 4);
    world.session(OTHER_VENUE, SessionState::Down);
    let mut kill = Kill::new();
    (kill.node, kill.selector, kill.revision) = (2, SelectorKind::All.code(), 5);
    (kill.new_orders, kill.resting) = (KillNew::ReduceOnly.code(), KillResting::Keep.code());
    world.give(&kill);
    let mut permission = Permission::new();
    (permission.node, permission.selector, permission.allow, permission.revision) = (2, SelectorKind::All.code(), 1, 6);
    world.give(&permission);
    let mut listed = Restricted::new();
    (listed.header.instrument, listed.new_orders, listed.revision) = (SHARE, KillNew::Allow.code(), 7);
    world.give(&listed);
    world.clear();
    let mut request = StateRequest::new();
    request.request = 77;
    world.give(&request);
    assert_eq!(world.outputs::<Position>().iter().map(|one| one.lots).collect::<Vec<_>>(), [4]);
    let limits: Vec<_> = world.outputs::<LimitUsage>().iter().map(|one| one.limit).collect();
    assert_eq!(limits, (1..=16).collect::<Vec<_>>());
    let slots: Vec<_> = world.outputs::<SlotState>().iter().map(|one| (one.slot, one.run)).collect();
    assert_eq!(slots, [(SLOT, SlotRun::Running.code()), (2, SlotRun::Running.code())]);
    let sessions: Vec<_> = world.outputs::<Session>().iter().map(|one| (one.header.venue, one.state)).collect();
    assert_eq!(sessions, [(VENUE, SessionState::Up.code()), (OTHER_VENUE, SessionState::Down.code())]);
    let applied = world.outputs::<Applied>();
    let of = |kind: Kind| applied.iter().filter(|one| one.control == kind as u16).collect::<Vec<_>>();
    assert_eq!(of(Kind::LimitSet).len(), 16);
    assert_eq!(of(Kind::Kill).iter().map(|one| (one.subject, one.revision)).collect::<Vec<_>>(), [(2, 5)]);
    assert_eq!(of(Kind::Permission).iter().map(|one| (one.subject, one.revision)).collect::<Vec<_>>(), [(2, 6)]);
    assert_eq!(of(Kind::Restricted).iter().map(|one| (one.subject, one.revision)).collect::<Vec<_>>(), [(SHARE, 7)]);
    let last = applied.last().unwrap();
    assert_eq!((last.control, last.request, last.outcome), (Kind::StateRequest as u16, 77, 1));
    assert!(matches!(world.out.outputs.last(), Some(RecordRef::Applied(record)) if record.request == 77));
}

#[test]
fn a_listing_that_is_only_watched_by_an_account_that_no_limit_knows_is_looked_at_and_never_traded() {
    let mut bytes = Vec::new();
    for record in support::records_of(&support::bootstrap(2)) {
        match parse(&record).unwrap() {
            RecordRef::Slot(mut slot) if slot.slot == 2 => {
                slot.account = 999;
                bytes.extend_from_slice(bytes_of(&slot));
            }
            RecordRef::SlotBind(mut bind) if bind.slot == 2 => {
                bind.watch_only = 1;
                bytes.extend_from_slice(bytes_of(&bind));
            }
            _ => bytes.extend_from_slice(&record),
        }
    }
    let mut world = World::of(support::config(), &bytes);
    world.quote_all();
    // All that a slot may ask for at a listing, from its own process.
    let mut cancel = support::cancel_intent(1 << 40);
    cancel.listing = 0;
    let quote = OrderIntent { intent: at(Side::Buy, PRICE, 1).intent | INTENT_QUOTE, ..at(Side::Buy, PRICE, 1) };
    let leg = support::leg_intent(0, Side::Buy, PRICE, 1, PRICE - TICK);
    let whole = support::multi_leg_intent(1_000_000, 1_000_000, false, 1);
    let intents = [at(Side::Sell, PRICE, 1), quote, replace_intent(1 << 40, PRICE, 2), cancel, leg, leg, whole];
    for intent in intents {
        ask(&mut world, VENUE, intent);
    }
    // What it looks at is made up anew after whatever may have changed it.
    world.give(&support::limit(40, 1, Metric::OrderQuantity, 3));
    for venue in [VENUE, OTHER_VENUE] {
        world.session(venue, SessionState::Down);
        world.session(venue, SessionState::Up);
        world.rest(venue, SHARE, Side::Buy, PRICE - 2 * TICK, 5);
    }
    world.give(&Timer::new());
    assert_eq!((world.commands::<NewOrder>().len(), world.engine.live_orders().count()), (0, 0));
    let unknown = codes(&world).iter().filter(|code| **code == RejectCode::UnknownInstrument).count();
    assert!(unknown >= 2, "{:?}", codes(&world));
    // Bound to trade there, it is refused.
    control(&mut world, 2, SlotRun::Stopped);
    world.clear();
    let mut bind = SlotBind::new();
    (bind.header.venue, bind.header.instrument, bind.slot) = (VENUE, SHARE, 2);
    world.give(&bind);
    assert_eq!(world.outputs::<Applied>()[0].outcome, 3, "refused");
}
