//! What the plugin API shows beside the market: risk and the limit that binds, auctions, signals, queues, latencies, regions.
//!
//! Invariant: what a slot is told follows from the records alone, so that the same inputs give the same calls and views.

mod support;

use engine::Wants;
use records::*;
use support::{ACCOUNT, Heard, OTHER_VENUE, PRICE, SHARE, SLOT, START_NS, TICK, VENUE, World, config, new_intent};

const ALL: u64 = u64::MAX;

/// A world of slots whose classes look at everything and have every callback.
fn world(slots: u8) -> World {
    let mut world = World::untold(config(), 0);
    world.script.0.borrow_mut().wants = Wants::new(ALL, |_| true);
    for record in support::records_of(&support::bootstrap(slots)).into_iter().skip(1) {
        world.give_bytes(&record);
    }
    world.quote_all();
    world.script.0.borrow_mut().keep_views = true;
    world
}

fn view(world: &World) -> OrdersView {
    *world.script.0.borrow().views.last().expect("a call")
}

fn risks(world: &World) -> Vec<RiskView> {
    world
        .heard()
        .into_iter()
        .filter_map(|heard| if let Heard::Risk(view) = heard { Some(view) } else { None })
        .collect()
}

fn signals(world: &World, slot: u8) -> Vec<SignalView> {
    let state = world.script.0.borrow();
    let of_slot = state.heard.iter().filter(|(heard_by, _)| *heard_by == slot);
    of_slot.filter_map(|(_, heard)| if let Heard::Signal(view) = heard { Some(*view) } else { None }).collect()
}

fn signal_intent(channel: u64, value: f64) -> OrderIntent {
    OrderIntent {
        order_id: channel,
        price_nanos: value.to_bits().cast_signed(),
        intent: u32::from(IntentKind::Signal.code()),
        ..OrderIntent::zeroed()
    }
}

fn kill(world: &mut World, revision: u64, new_orders: KillNew) {
    let mut record = Kill::new();
    (record.node, record.selector, record.new_orders) = (1, SelectorKind::All.code(), new_orders.code());
    (record.resting, record.generation, record.revision) = (KillResting::Keep.code(), 1, revision);
    world.give(&record);
}

#[test]
fn a_slot_is_told_of_risk_once_for_each_change_and_not_in_between() {
    let mut world = world(1);
    kill(&mut world, 5, KillNew::ReduceOnly);
    let told = risks(&world);
    assert_eq!(told.len(), 3, "each listing: {told:?}");
    assert!(told.iter().all(|risk| risk.new_orders == u32::from(KillNew::ReduceOnly.code())));
    assert_eq!(told[0].changed, RISK_NEW_ORDERS | RISK_SIDE | RISK_LIMIT);
    assert_eq!((told[0].headroom_buy_lots, told[0].buy_limit), (0, 0));
    assert_eq!(told[0].buy_reason, u32::from(RejectCode::StateReduceOnly.code()));
    world.clear();
    kill(&mut world, 6, KillNew::ReduceOnly);
    world.rest(VENUE, SHARE, Side::Buy, PRICE - 3 * TICK, 4);
    assert!(risks(&world).is_empty(), "nothing changed");
    kill(&mut world, 7, KillNew::Allow);
    assert_eq!(risks(&world).len(), 3);
    world.clear();
    world.session(VENUE, SessionState::Down);
    let told = risks(&world);
    assert_eq!(
        told.iter().map(|risk| (risk.venue, risk.changed, risk.connected)).collect::<Vec<_>>(),
        [(u32::from(VENUE), RISK_VENUE, 0), (u32::from(VENUE), RISK_VENUE, 0)]
    );
}

#[test]
fn the_limit_that_is_told_is_the_one_that_refuses() {
    let mut world = world(1);
    for wanted in [500, 300, 150, 50] {
        // The position limit is 1000, an order has at most 500 lots: the first order moves the binding from one to the other.
        world.intend(vec![]);
        let seen = view(&world);
        let (state, headroom) = (seen.states[0], seen.listings[0].headroom_buy_lots);
        assert_eq!(state.new_orders, u32::from(KillNew::Allow.code()));
        world.clear();
        world.intend(vec![new_intent(Side::Buy, headroom + 1)]);
        let refused = world.outputs::<RiskReject>();
        assert_eq!(refused.len(), 1);
        assert_eq!((refused[0].limit, u32::from(refused[0].code)), (state.buy_limit, state.buy_reason));
        world.order(Side::Buy, wanted.min(headroom));
    }
    world.intend(vec![]);
    let state = view(&world).states[0];
    assert_eq!(state.buy_reason, u32::from(RejectCode::PosLong.code()));
    assert_eq!(state.sell_reason, u32::from(RejectCode::MaxOrderQty.code()));
}

#[test]
fn an_auction_is_told_as_the_venue_says_it() {
    let mut world = world(1);
    world.trading(VENUE, SHARE, TradingState::Auction);
    let mut record = Imbalance::new();
    (record.header.venue, record.header.instrument, record.header.venue_time_ns) = (VENUE, SHARE, START_NS);
    (record.paired_lots, record.imbalance_lots, record.side) = (900, 70, Side::Sell.code());
    (record.reference_nanos, record.near_nanos, record.far_nanos) = (PRICE, PRICE + TICK, UNDEF_PRICE);
    record.cross_type = b'O';
    world.clear();
    world.give(&record);
    let heard = world.heard();
    let [Heard::Auction(auction)] = heard[..] else { panic!("{heard:?}") };
    assert_eq!((auction.paired_lots, auction.imbalance_lots, auction.side), (900, 70, 2));
    assert_eq!((auction.indicative_nanos, auction.far_nanos), (PRICE + TICK, UNDEF_PRICE));
    assert_eq!(auction.kind, u32::from(AuctionKind::Opening.code()));
    assert_eq!((auction.phase, auction.listing), (u32::from(TradingState::Auction.code()), 0));
}

#[test]
fn a_signal_reaches_every_other_slot_in_the_same_pass() {
    let mut world = world(3);
    world.clear();
    world.intend(vec![signal_intent(77, -1.5)]);
    assert!(signals(&world, 1).is_empty(), "not its own");
    for slot in [2, 3] {
        let [signal] = signals(&world, slot)[..] else { panic!("slot {slot}") };
        assert_eq!((signal.channel, f64::from_bits(signal.bits), signal.source), (77, -1.5, 1));
    }
    let [said] = world.outputs::<Signal>()[..] else { panic!("said once") };
    assert_eq!((said.signal, said.slot, said.based_on), (77, 1, world.sequence));
    world.clear();
    let mut record = Signal::new();
    (record.signal, record.bits, record.based_on) = (5, 2.0_f64.to_bits(), 3);
    world.give(&record);
    assert_eq!(signals(&world, 1), signals(&world, 2));
    assert_eq!(signals(&world, 1)[0].source, 0, "a tile's");
}

#[test]
fn a_tile_that_is_silent_for_longer_than_it_said_is_told_once_as_stale() {
    // What a record adds to the time by itself.
    const STEP_NS: u64 = 1_000;
    let mut world = world(2);
    let said = |world: &mut World, bits: f64| {
        let mut record = Signal::new();
        (record.signal, record.bits, record.based_on, record.within_us) = (5, bits.to_bits(), 3, 1_000);
        record.header.venue_time_ns = world.now_ns + STEP_NS - 400;
        world.give(&record);
    };
    let told = |world: &mut World, after_ns: u64| {
        world.clear();
        world.now_ns += after_ns - STEP_NS;
        world.give(&Timer::new());
        signals(world, 1).iter().map(|view| (f64::from_bits(view.bits), view.flags, view.age_ns)).collect::<Vec<_>>()
    };
    world.clear();
    said(&mut world, 2.0);
    assert_eq!((signals(&world, 1)[0].age_ns, signals(&world, 1)[0].flags), (400, 0));
    assert_eq!(told(&mut world, 990_000), []);
    said(&mut world, 3.0);
    assert_eq!(told(&mut world, 998_000), [], "it spoke in time");
    assert_eq!(told(&mut world, 2_000), [(3.0, SIGNAL_STALE, 1_000_400)]);
    assert_eq!(told(&mut world, 1_000_000_000), [], "once");
    world.clear();
    said(&mut world, 4.0);
    assert_eq!(signals(&world, 2)[0].flags, 0, "it speaks again");
    assert_eq!(told(&mut world, 2_000_000).len(), 1);
}

#[test]
fn what_is_no_number_is_published_to_nobody() {
    let mut world = world(2);
    world.clear();
    world.intend(vec![signal_intent(7, f64::NAN), signal_intent(7, f64::INFINITY), signal_intent(0, 1.0)]);
    assert_eq!(world.outputs::<RiskReject>().len(), 3);
    let mut record = Signal::new();
    (record.signal, record.bits) = (5, f64::NEG_INFINITY.to_bits());
    world.give(&record);
    assert!(signals(&world, 2).is_empty());
    assert_eq!(world.engine.statistics().unused, 1);
}

#[test]
fn strategies_that_answer_each_other_end() {
    let mut world = world(3);
    world.script.0.borrow_mut().always = Some((Callback::Signal, signal_intent(9, 1.0)));
    world.clear();
    world.intend(vec![signal_intent(9, 1.0)]);
    assert_eq!(world.outputs::<Signal>().len(), SIGNALS_MAX);
    let refused = world.outputs::<RiskReject>();
    assert!(!refused.is_empty() && refused.iter().all(|one| one.code == RejectCode::SignalFlood.code()));
    world.script.0.borrow_mut().always = None;
    world.clear();
    world.intend(vec![signal_intent(9, 1.0)]);
    assert_eq!(world.outputs::<Signal>().len(), 1, "the next pass begins anew");
}

/// An order of ours as the venue's feed shows it.
fn shown(world: &mut World, order_ref: u64, price_nanos: i64, lots: i64) {
    let mut record = MarketOrder::new();
    (record.header.venue, record.header.instrument, record.header.flags) = (VENUE, SHARE, FLAG_LAST);
    (record.order_ref, record.action, record.side) = (order_ref, BookAction::Add.code(), Side::Buy.code());
    (record.price_nanos, record.lots) = (price_nanos, lots);
    world.give(&record);
}

#[test]
fn a_queue_is_counted_where_the_book_has_the_order_and_estimated_from_above_where_not() {
    let mut world = world(1);
    let first = world.rest(VENUE, SHARE, Side::Buy, PRICE, 30);
    let id = world.live_order(Side::Buy, 5);
    let price_nanos = world.engine.order(id).unwrap().price_nanos;
    assert_eq!(price_nanos, PRICE);
    world.intend(vec![]);
    let place = |world: &World| (view(world).queues[0].ahead_lots, view(world).queues_exact[0]);
    assert_eq!(place(&world), (30, 0), "all that rests there may be ahead");
    world.rest(VENUE, SHARE, Side::Buy, PRICE, 40);
    assert_eq!(place(&world), (30, 0), "who came later is behind");
    shown(&mut world, id ^ 7, PRICE, 5);
    assert_eq!(place(&world), (70, 1), "counted: our order came in after both");
    let mut gone = MarketOrder::new();
    (gone.header.venue, gone.header.instrument, gone.header.flags) = (VENUE, SHARE, FLAG_LAST);
    (gone.order_ref, gone.action) = (first, BookAction::Delete.code());
    world.give(&gone);
    assert_eq!((place(&world), view(&world).queues[0].order_id), ((40, 1), id));
}

#[test]
fn latencies_are_differences_of_stamps() {
    let mut world = world(1);
    let mut record = MarketOrder::new();
    (record.header.venue, record.header.instrument, record.header.flags) = (VENUE, SHARE, FLAG_LAST);
    (record.header.venue_time_ns, record.header.receive_time_ns) = (START_NS, START_NS + 800);
    (record.order_ref, record.action, record.side) = (5, BookAction::Add.code(), Side::Buy.code());
    (record.price_nanos, record.lots) = (PRICE - 2 * TICK, 1);
    world.give(&record);
    let state = view(&world).states[0];
    assert_eq!((state.feed_latency_ns, state.feed_latency_mean_ns, state.order_latency_ns), (800, 800, -1));
    (record.order_ref, record.header.receive_time_ns) = (6, START_NS + 2_400);
    world.give(&record);
    assert_eq!(view(&world).states[0].feed_latency_mean_ns, 900, "a sixteenth of what came on top");
    let id = world.order(Side::Buy, 5);
    let asked_ns = world.now_ns;
    world.report(id, OrderEventKind::Accepted, |event| {
        (event.header.venue_time_ns, event.header.receive_time_ns) = (asked_ns + 300, asked_ns + 700);
    });
    let state = view(&world).states[0];
    assert_eq!((state.entry_latency_ns, state.response_latency_ns), (300, 400));
    assert_eq!(state.order_latency_ns, 1_000, "in engine time, from the request to the answer's input");
}

#[test]
fn other_regions_are_shown_with_their_age() {
    let mut world = world(1);
    let mut position = RegionPosition::new();
    (position.header.instrument, position.account, position.region) = (SHARE, ACCOUNT, 12);
    (position.lots, position.time_ns) = (-40, world.now_ns);
    world.give(&position);
    let mut quote = RegionQuote::new();
    (quote.header.venue, quote.header.instrument, quote.region) = (OTHER_VENUE, SHARE, 13);
    (quote.bid_nanos, quote.bid_lots, quote.ask_nanos) = (PRICE, 7, UNDEF_PRICE);
    (quote.time_ns, quote.state) = (world.now_ns, RegionQuoteState::Priced.code());
    world.give(&quote);
    let older = RegionPosition { lots: 5, time_ns: position.time_ns - 1, ..position };
    world.give(&older);
    let stranger = RegionPosition { account: ACCOUNT + 1, lots: 5, ..position };
    world.give(&stranger);
    world.intend(vec![]);
    let seen = view(&world);
    let [one, two, free, _] = seen.regions[0].regions;
    assert_eq!((one.region, one.position_lots, one.quote_age_ns), (12, -40, -1));
    assert_eq!(one.position_age_ns as u64, world.now_ns - position.time_ns);
    assert_eq!((two.region, two.bid_nanos, two.bid_lots, two.position_age_ns), (13, PRICE, 7, -1));
    assert_eq!((two.quote_age_ns as u64, two.venue), (world.now_ns - quote.time_ns, u32::from(OTHER_VENUE)));
    assert_eq!(free.region, 0);
    assert_eq!(seen.regions[2].regions[0].region, 0, "another instrument");
    assert_eq!(world.engine.statistics().unused, 0, "another account's is for whoever trades it");
}

#[test]
fn a_class_that_looks_at_nothing_is_shown_nothing() {
    let mut world = World::new();
    world.script.0.borrow_mut().keep_views = true;
    kill(&mut world, 5, KillNew::ReduceOnly);
    kill(&mut world, 6, KillNew::Allow);
    world.intend(vec![signal_intent(3, 1.0)]);
    let seen = view(&world);
    assert_eq!(bytes_of(&seen.states), bytes_of(&[ListingState::zeroed(); LISTINGS_MAX]));
    assert!(world.heard().iter().all(|heard| !matches!(heard, Heard::Risk(_) | Heard::Signal(_))));
    assert_eq!(world.engine.slot_run(SLOT), Some(SlotRun::Running));
}
