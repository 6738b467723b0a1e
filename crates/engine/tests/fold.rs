//! What the fold does around orders: slots, refusals, kills, days, silence, views.

mod support;

use records::*;
use support::{
    FUTURE, Heard, PRICE, SHARE, SLOT, TICK, VENUE, World, cancel_all_intent, config, new_intent, replace_intent,
};

fn refusals(world: &World) -> Vec<RejectCode> {
    world.outputs::<RiskReject>().iter().map(|record| RejectCode::from_code(record.code).unwrap()).collect()
}

fn kill(node: u32, new_orders: KillNew, resting: KillResting) -> Kill {
    let mut record = Kill::new();
    (record.node, record.generation, record.revision) = (node, 1, 2);
    (record.selector, record.new_orders, record.resting) =
        (SelectorKind::All.code(), new_orders.code(), resting.code());
    record
}

#[test]
fn an_order_carries_whose_it_is() {
    let mut world = World::new();
    let id = world.order(Side::Buy, 10);
    let order = world.commands::<NewOrder>()[0];
    let parts = OrderId(id).parts();
    assert_eq!((parts.shard, parts.epoch, parts.counter, parts.day), (1, 1, 1, 2000));
    let Owner { firm, desk, strategy, account, trader, slot_version, .. } = order.owner;
    assert_eq!((firm, desk, strategy, account, trader, slot_version), (1, 2, 3, 4, 9, 1));
    assert_eq!((order.header.venue, order.header.instrument, order.slot), (VENUE, SHARE, SLOT));
    assert_eq!(order.header.sequence, world.engine.input());
}

#[test]
fn a_refused_intent_is_an_output_and_is_told_once() {
    let mut world = World::new();
    world.intend(vec![new_intent(Side::Buy, 501)]);
    assert_eq!(refusals(&world), [RejectCode::MaxOrderQty]);
    assert!(world.commands::<NewOrder>().is_empty());
    let told: Vec<_> = world.heard().into_iter().filter(|heard| matches!(heard, Heard::Order(_))).collect();
    assert_eq!(told.len(), 1);
    let Heard::Order(view) = told[0] else { unreachable!() };
    assert_eq!((view.order_id, view.event, view.reason), (0, 0, u32::from(RejectCode::MaxOrderQty.code())));
    assert!(view.limit > 0);
}

#[test]
fn a_strategy_that_answers_refusals_with_refusals_comes_to_an_end() {
    let mut world = World::new();
    world.script.0.borrow_mut().always = Some((Callback::Order, new_intent(Side::Buy, 501)));
    world.intend(vec![new_intent(Side::Buy, 501)]);
    assert_eq!(refusals(&world).len(), 2);
    assert_eq!(world.heard().iter().filter(|heard| matches!(heard, Heard::Order(_))).count(), 1);
}

#[test]
fn intents_that_make_no_sense_are_refused() {
    let mut world = World::new();
    let bad = |change: fn(&mut OrderIntent)| {
        let mut intent = new_intent(Side::Buy, 1);
        change(&mut intent);
        intent
    };
    world.intend(vec![
        bad(|intent| intent.intent = 99),
        bad(|intent| intent.side = 7),
        bad(|intent| intent.lots = 0),
        bad(|intent| intent.lots = i64::MAX),
        bad(|intent| intent.lots = i64::MIN),
        bad(|intent| intent.price_nanos = UNDEF_PRICE),
        bad(|intent| intent.price_nanos = i64::MIN),
        bad(|intent| intent.order_type = 700),
        bad(|intent| intent.time_in_force = TimeInForce::GoodTillTime.code()),
        bad(|intent| intent.listing = 8),
        bad(|intent| intent.listing = u32::MAX),
        bad(|intent| intent.display_lots = 2),
        replace_intent(12, PRICE, 1),
        support::cancel_intent(0),
    ]);
    use RejectCode::{BadIntent, BadTick, UnknownInstrument, UnknownOrder};
    let expected = [
        BadIntent,
        BadIntent,
        BadIntent,
        BadIntent,
        BadIntent,
        BadIntent,
        BadTick,
        BadIntent,
        BadIntent,
        UnknownInstrument,
        UnknownInstrument,
        BadIntent,
        UnknownOrder,
        UnknownOrder,
    ];
    assert_eq!(refusals(&world), expected);
    assert_eq!(world.held(), 0);
}

#[test]
fn another_slots_order_is_not_found() {
    let mut world = World::with_slots(2);
    let id = world.live_order(Side::Buy, 5);
    world.clear();
    // Both slots hear the book; the plan is taken by the first, so the second's comes next.
    world.plan(Callback::Book, vec![]);
    world.intend(vec![]);
    let mut intent = Intent::new();
    (intent.slot, intent.intent, intent.order_id) = (2, IntentKind::Cancel.code(), id);
    (intent.header.venue, intent.header.instrument) = (VENUE, SHARE);
    world.give(&intent);
    assert_eq!(refusals(&world), [RejectCode::UnknownOrder]);
    intent.slot = 1;
    world.give(&intent);
    assert_eq!(world.commands::<CancelOrder>().len(), 1);
}

#[test]
fn worst_case_counts_before_an_order_leaves() {
    let mut world = World::new();
    world.intend(vec![new_intent(Side::Buy, 500), new_intent(Side::Buy, 500), new_intent(Side::Buy, 1)]);
    assert_eq!((world.commands::<NewOrder>().len(), refusals(&world)), (2, vec![RejectCode::PosLong]));
    assert_eq!(world.held(), 1000);
}

#[test]
fn a_gateway_that_is_not_ready_refuses_at_the_source() {
    let mut world = World::new();
    let id = world.live_order(Side::Buy, 5);
    world.session(VENUE, SessionState::Down);
    world.clear();
    world.intend(vec![new_intent(Side::Buy, 1), cancel_all_intent()]);
    assert_eq!(refusals(&world), [RejectCode::GatewayNotReady]);
    assert!(world.commands::<CancelOrder>().is_empty());
    // The cancel is owed until the session is back.
    world.session(VENUE, SessionState::Up);
    assert_eq!(world.commands::<CancelOrder>()[0].owner.order_id, id);
}

#[test]
fn a_halt_refuses_new_orders_and_lets_cancels_pass() {
    let mut world = World::new();
    world.live_order(Side::Buy, 5);
    world.clear();
    world.trading(VENUE, SHARE, TradingState::Halted);
    assert!(matches!(world.heard()[..], [Heard::Status(view)] if view.tradable == 0 && view.connected == 1));
    world.intend(vec![new_intent(Side::Buy, 1), cancel_all_intent()]);
    assert_eq!(refusals(&world), [RejectCode::Halted]);
    assert_eq!(world.commands::<CancelOrder>().len(), 1);
}

#[test]
fn a_slot_that_fails_is_disabled_and_its_orders_are_pulled() {
    let mut world = World::with_slots(2);
    world.live_order(Side::Buy, 5);
    world.live_order(Side::Sell, 7);
    world.clear();
    world.script.0.borrow_mut().failure = Some((Callback::Book, u32::from(CallStatus::Raised.code()) | 42 << 8));
    world.intend(vec![new_intent(Side::Buy, 1)]);
    let state = world.outputs::<SlotState>()[0];
    assert_eq!((state.slot, state.run, state.status, state.line), (1, SlotRun::Disabled.code(), 1, 42));
    assert_eq!(state.callback, Callback::Book.code());
    assert_eq!(world.commands::<CancelOrder>().len(), 2);
    assert!(world.commands::<NewOrder>().is_empty(), "none of its intents is taken");
    // The other slot goes on, this one hears nothing more.
    let calls = world.script.0.borrow().heard.len();
    world.intend(vec![]);
    let heard = world.script.0.borrow().heard[calls..].to_vec();
    assert!(heard.iter().all(|(slot, _)| *slot == 2) && heard.len() == 1);
}

#[test]
fn a_pulled_order_is_pulled_again_until_it_is_gone() {
    let mut world = World::new();
    let id = world.live_order(Side::Buy, 5);
    world.give(&kill(1, KillNew::None, KillResting::Cancel));
    assert_eq!(world.commands::<CancelOrder>().len(), 1);
    world.report(id, OrderEventKind::NotSent, |event| event.original_id = id);
    assert_eq!(world.state(id), OrderState::Live);
    world.give(&Timer::new());
    assert_eq!(world.commands::<CancelOrder>().len(), 2);
    let closed = |event: &mut OrderEvent| event.reason = Reason::Closed.code();
    world.report(id, OrderEventKind::CancelRejected, closed);
    world.give(&Timer::new());
    assert_eq!(world.commands::<CancelOrder>().len(), 3);
    world.report(id, OrderEventKind::Canceled, |event| event.lots = 5);
    world.give(&Timer::new());
    assert_eq!((world.commands::<CancelOrder>().len(), world.held()), (3, 0));
}

#[test]
fn a_kill_takes_what_it_says() {
    let mut world = World::new();
    let buy = world.live_order(Side::Buy, 5);
    let sale = world.live_order(Side::Sell, 5);
    world.fill(buy, 3);
    world.clear();
    world.give(&kill(3, KillNew::ReduceOnly, KillResting::CancelIncreasing));
    let pulled: Vec<_> = world.commands::<CancelOrder>().iter().map(|cancel| cancel.owner.order_id).collect();
    assert!(pulled.contains(&buy), "{pulled:?}");
    let _ = sale;
    world.intend(vec![new_intent(Side::Buy, 1)]);
    assert_eq!(refusals(&world), [RejectCode::StateReduceOnly]);
    let applied = world.outputs::<Applied>();
    assert_eq!((applied[0].outcome, applied[0].control, applied[0].subject), (1, Kind::Kill as u16, 3));
    // The same again is older.
    world.give(&kill(3, KillNew::Allow, KillResting::Keep));
    assert_eq!(world.outputs::<Applied>()[1].outcome, 2);
}

#[test]
fn stopping_a_slot_calls_it_a_last_time() {
    let mut world = World::new();
    world.live_order(Side::Buy, 5);
    world.clear();
    let mut control = StrategyControl::new();
    (control.slot, control.run, control.cancel) = (SLOT, SlotRun::Stopped.code(), 1);
    control.request = 77;
    world.give(&control);
    assert_eq!(world.heard(), [Heard::Timer(Callback::Stop as u64)]);
    assert_eq!(world.commands::<CancelOrder>().len(), 1);
    assert_eq!(world.outputs::<Applied>()[0].request, 77);
    world.give(&control);
    assert_eq!(world.outputs::<Applied>()[1].outcome, 2);
    control.run = SlotRun::Running.code();
    world.give(&control);
    assert_eq!(world.engine.slot_run(SLOT), Some(SlotRun::Running));
    assert_eq!(world.heard()[1..], [Heard::Timer(Callback::Start as u64)]);
}

#[test]
fn code_that_is_refused_cannot_be_started() {
    let script = support::Script::default();
    script.0.borrow_mut().refuse_load = true;
    let mut engine = engine::Engine::new(support::config(), Box::new(script));
    let mut out = support::Recorder::default();
    for (index, record) in support::records_of(&support::bootstrap(1)).iter().enumerate() {
        engine.apply(Stamp { sequence: index as u64 + 1, time_ns: 1 }, record, &mut out);
    }
    assert_eq!(engine.slot_run(1), Some(SlotRun::Stopped));
}

#[test]
fn a_new_day_ends_day_orders_and_starts_ids_anew() {
    let mut world = World::new();
    let day = world.live_order(Side::Buy, 5);
    let mut lasting = new_intent(Side::Sell, 6);
    lasting.time_in_force = TimeInForce::GoodTillCancel.code();
    world.intend(vec![lasting]);
    let lasting = world.commands::<NewOrder>()[1].owner.order_id;
    world.report(lasting, OrderEventKind::Accepted, |_| {});
    world.fill(day, 2);
    world.clear();
    let mut roll = DayRoll::new();
    roll.day = 2001;
    world.give(&roll);
    assert_eq!((world.state(day), world.held()), (OrderState::Canceled, 6));
    assert_eq!(world.engine.positions()[0].bought_lots, 0);
    assert_eq!(world.position(SHARE), 2);
    let id = world.order(Side::Buy, 1);
    let parts = OrderId(id).parts();
    assert_eq!((parts.day, parts.counter), (2001, 1));
    world.give(&roll);
    assert_eq!(world.outputs::<Applied>().last().unwrap().outcome, 2);
}

#[test]
fn a_restart_leaves_orders_unknown_and_ids_unused() {
    let mut world = World::new();
    let id = world.live_order(Side::Buy, 5);
    let mut start: EngineStart = read_from(&support::bootstrap(0)).unwrap();
    world.give(&start);
    assert_eq!(world.outputs::<Applied>().last().unwrap().outcome, 3, "an epoch is used once");
    start.epoch = 2;
    world.give(&start);
    assert_eq!((world.state(id), world.held()), (OrderState::Unknown, 5));
    world.session(VENUE, SessionState::Up);
    assert_eq!(world.state(id), OrderState::Live);
    let next = world.order(Side::Buy, 1);
    assert_eq!(OrderId(next).parts().epoch, 2);
}

#[test]
fn a_silent_feed_is_told_and_wakes_up() {
    let mut world = World::new();
    world.now_ns += 2_000_000_000;
    world.give(&Timer::new());
    let stale: Vec<_> =
        world.heard().iter().filter(|heard| matches!(heard, Heard::Status(view) if view.stale == 1)).cloned().collect();
    assert_eq!(stale.len(), 3);
    // A silent feed's touch is no reference: the collar has nothing fresh to hold on to but the prior close.
    world.clear();
    world.rest(VENUE, SHARE, Side::Buy, PRICE - 3 * TICK, 1);
    let Some(Heard::Status(view)) = world.heard().first().cloned() else { panic!("{:?}", world.heard()) };
    assert_eq!((view.venue, view.stale), (1, 0));
}

#[test]
fn a_stale_feed_is_told_with_its_book_flagged() {
    let mut world = World::new();
    let mut status = Status::new();
    (status.header.venue, status.feed) = (VENUE, FeedState::Stale.code());
    world.give(&status);
    assert_eq!(world.heard().len(), 2, "both listings of the venue");
    assert_ne!(world.engine.book_view(VENUE, SHARE).unwrap().flags & BOOK_STALE, 0);
    status.feed = FeedState::Live.code();
    world.give(&status);
    assert_eq!(world.engine.book_view(VENUE, SHARE).unwrap().flags & BOOK_STALE, 0);
}

#[test]
fn a_book_is_shown_after_the_last_record_of_an_event_when_something_visible_changed() {
    let mut world = World::new();
    let mut record = MarketOrder::new();
    (record.header.venue, record.header.instrument) = (VENUE, SHARE);
    record.order_ref = 1;
    (record.action, record.side) = (BookAction::Add.code(), Side::Buy.code());
    (record.price_nanos, record.lots) = (PRICE, 40);
    world.give(&record);
    assert!(world.heard().is_empty());
    (record.order_ref, record.header.flags) = (2, FLAG_LAST);
    world.give(&record);
    let [Heard::Book(view)] = world.heard()[..] else { panic!("{:?}", world.heard()) };
    assert_eq!((view.bids[0].price_nanos, view.bids[0].lots, view.bids[0].orders), (PRICE, 80, 2));
    assert_eq!((view.bids[1].lots, view.asks[1].price_nanos), (100, UNDEF_PRICE));
    assert_eq!(view.flags, BOOK_TWO_SIDED | BOOK_TRADABLE);
    // Far below the visible levels nothing is told.
    for depth in 10..20 {
        world.rest(VENUE, SHARE, Side::Buy, PRICE - depth * TICK, 1);
    }
    let heard = world.heard().len();
    world.rest(VENUE, SHARE, Side::Buy, PRICE - 50 * TICK, 1);
    assert_eq!(world.heard().len(), heard);
}

#[test]
fn an_execution_prints_at_the_orders_price() {
    let mut world = World::new();
    let resting = world.rest(VENUE, SHARE, Side::Sell, PRICE + TICK, 30);
    world.clear();
    let mut record = MarketOrder::new();
    (record.header.venue, record.header.instrument, record.header.flags) = (VENUE, SHARE, FLAG_LAST);
    (record.order_ref, record.action, record.lots) = (resting, BookAction::Execute.code(), 10);
    (record.price_nanos, record.match_id, record.printable) = (UNDEF_PRICE, 5, 1);
    world.give(&record);
    let Heard::Trade(trade) = world.heard()[0] else { panic!() };
    assert_eq!((trade.price_nanos, trade.lots, trade.match_id), (PRICE + TICK, 10, 5));
    assert_eq!(trade.taker_side, u32::from(Side::Buy.code()));
    assert!(matches!(world.heard()[1], Heard::Book(_)));
}

#[test]
fn the_view_shows_orders_exposure_and_touch_as_they_are() {
    let mut world = World::new();
    let id = world.live_order(Side::Buy, 10);
    world.order(Side::Sell, 20);
    world.fill(id, 4);
    world.intend(vec![replace_intent(id, PRICE - TICK, 12)]);
    world.script.0.borrow_mut().keep_views = true;
    world.intend(vec![]);
    let view = world.script.0.borrow().views[0];
    let listing = view.listings[0];
    assert_eq!((listing.position_lots, listing.open_buy_lots, listing.open_sell_lots), (4, 6, 20));
    // 1000 − 4 − 8 (the replacement may have 8 open) leaves more than an order may have.
    assert_eq!((listing.headroom_buy_lots, listing.headroom_sell_lots), (500, 500));
    assert_eq!((listing.bid_nanos, listing.ask_nanos), (PRICE - TICK, PRICE + TICK));
    assert_eq!(view.listings[1].position_lots, 4, "an account's position is one over all venues");
    assert_eq!((view.working_count, view.listings_count, view.fuel), (2, 3, 1000));
    let shown = view.working.iter().find(|working| working.order_id == id).unwrap();
    assert_eq!((shown.lots, shown.leaves_lots, shown.pending_nanos), (10, 6, PRICE - TICK));
    assert_eq!(shown.state, u32::from(OrderState::PendingReplace.code()));
    assert_eq!(listing.ticks[0], TickRow { from_nanos: 0, tick_nanos: TICK });
}

#[test]
fn timers_keep_their_beat() {
    let mut world = World::with_slots(0);
    let mut slot = Slot::new();
    (slot.account, slot.strategy, slot.desk, slot.slot, slot.timer_ns, slot.fuel) = (4, 3, 2, 1, 1_000_000, 1);
    world.give(&slot);
    let mut control = StrategyControl::new();
    (control.slot, control.run) = (1, SlotRun::Running.code());
    world.give(&control);
    world.clear();
    for _ in 0..10 {
        world.now_ns += 300_000;
        world.give(&Timer::new());
    }
    // Ten times 301 µs: three beats of one millisecond.
    assert_eq!(world.heard(), vec![Heard::Timer(Callback::Timer as u64); 3]);
    world.clear();
    world.now_ns += 50_000_000;
    world.give(&Timer::new());
    assert_eq!(world.heard().len(), 1, "what was missed is missed");
}

#[test]
fn a_flood_stops_at_the_orders_a_slot_may_have() {
    let mut world = World::new();
    for _ in 0..3 {
        world.intend((0..32).map(|_| new_intent(Side::Buy, 1)).collect());
    }
    assert_eq!(world.commands::<NewOrder>().len(), WORKING_MAX);
    assert!(refusals(&world).iter().all(|code| *code == RejectCode::Capacity));
    assert_eq!(refusals(&world).len(), 32);
}

#[test]
fn garbage_is_counted_and_changes_nothing() {
    let mut world = World::new();
    let hash = world.engine.state_hash();
    world.give_bytes(&[]);
    world.give_bytes(&[1, 2, 3]);
    world.give_bytes(&[0xff; 64]);
    let mut long = records::bytes_of(&MarketOrder::new()).to_vec();
    long[6] = 200;
    world.give_bytes(&long);
    world.give_bytes(&long[..50]);
    assert_eq!(world.engine.statistics().unreadable, 5);
    assert_eq!(world.engine.state_hash(), hash);
    let mut event = support::event_of(1, OrderEventKind::Filled);
    event.event = 99;
    world.give(&event);
    assert_eq!(world.engine.statistics().unreadable, 6);
    for (lots, price) in [(i64::MIN, PRICE), (-1, PRICE), (i64::MAX, PRICE), (1, UNDEF_PRICE), (0, PRICE)] {
        world.report(5, OrderEventKind::Filled, |event| (event.lots, event.price_nanos, event.side) = (lots, price, 1));
    }
    assert_eq!(world.breaks(), vec![BreakKind::ImpossibleTransition; 5]);
    assert!(world.engine.positions().is_empty());
    let mut status = Status::new();
    status.header.venue = 999;
    world.give(&status);
    let mut session = Session::new();
    session.header.venue = 999;
    world.give(&session);
    let mut order = MarketOrder::new();
    (order.header.venue, order.header.instrument) = (65_535, u32::MAX);
    world.give(&order);
    assert_eq!(world.engine.statistics().unlisted, 2);
}

#[test]
fn positions_are_told_with_marks() {
    let mut world = World::new();
    let id = world.live_order(Side::Buy, 10);
    world.report(id, OrderEventKind::Filled, |event| {
        (event.lots, event.price_nanos, event.execution_id, event.fee_nanos) = (10, PRICE, 1, 300);
    });
    let told = world.outputs::<Position>()[0];
    assert_eq!((told.lots, told.bought_lots, told.mark_nanos, told.account), (10, 10, PRICE, 4));
    assert_eq!((told.realised.get(), told.unrealised.get()), (-300, 0));
    assert_eq!(told.cash.get(), -10 * i128::from(PRICE) - 300);
    world.clear();
    world.rest(VENUE, SHARE, Side::Buy, PRICE, 1);
    world.now_ns += 3_000_000_000;
    world.give(&Timer::new());
    let told = world.outputs::<Position>()[0];
    assert_eq!((told.mark_nanos, told.unrealised.get()), (PRICE + TICK / 2, 10 * i128::from(TICK / 2)));
    world.clear();
    world.now_ns += 3_000_000_000;
    world.give(&Timer::new());
    assert!(world.outputs::<Position>().is_empty(), "an unchanged mark is not told again");
}

#[test]
fn a_soft_limit_is_told_once_for_each_crossing_and_not_between_an_order_and_its_command() {
    let mut world = World::new();
    let mut soft = support::limit(13, 3, Metric::PositionLong, support::POSITION_MAX);
    (soft.limit, soft.soft_percent, soft.revision) = (14, 50, 2);
    world.give(&soft);
    assert_eq!(world.outputs::<Applied>()[0].outcome, 1);
    let id = world.live_order(Side::Buy, 400);
    world.give(&Timer::new());
    assert!(world.outputs::<LimitWarning>().is_empty(), "400 of 1,000 is below the half");
    let second = world.live_order(Side::Buy, 200);
    assert!(world.outputs::<LimitWarning>().is_empty(), "not in the order's pass");
    world.give(&Timer::new());
    let told = world.outputs::<LimitWarning>();
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].limit, told[0].node, told[0].metric), (14, 3, Metric::PositionLong.code()));
    assert_eq!((told[0].bound.get(), told[0].observed.get()), (1_000, 600));
    assert_eq!((told[0].account, told[0].header.venue, told[0].header.instrument), (4, VENUE, SHARE));
    world.live_order(Side::Buy, 10);
    world.give(&Timer::new());
    assert_eq!(world.outputs::<LimitWarning>().len(), 1, "it is above all the while");
    for (order, lots) in [(id, 400), (second, 200)] {
        world.report(order, OrderEventKind::Canceled, |event| event.lots = lots);
    }
    world.live_order(Side::Buy, 495);
    // A second passes, with or without timers: it is told.
    world.now_ns += 1_000_000_000;
    world.rest(VENUE, SHARE, Side::Buy, PRICE - 5 * TICK, 1);
    assert_eq!(world.outputs::<LimitWarning>().len(), 2);
}

#[test]
fn an_instrument_whose_state_nobody_told_takes_no_new_orders() {
    let mut world = World::untold(config(), 1);
    let states = |world: &World| -> Vec<_> {
        world
            .heard()
            .iter()
            .filter_map(|heard| match heard {
                Heard::Status(view) => Some(view.tradable),
                _ => None,
            })
            .collect()
    };
    world.rest(VENUE, SHARE, Side::Buy, PRICE - TICK, 100);
    world.rest(VENUE, SHARE, Side::Sell, PRICE + TICK, 100);
    world.clear();
    world.intend(vec![new_intent(Side::Buy, 1)]);
    assert_eq!(refusals(&world), [RejectCode::Halted], "a book alone says nothing of the state");
    let mut all = Status::new();
    (all.header.venue, all.trading) = (VENUE, TradingState::Trading.code());
    world.give(&all);
    world.intend(vec![new_intent(Side::Buy, 1)]);
    assert_eq!(refusals(&world), [RejectCode::Halted; 2], "the venue is open, the instrument may still be halted");
    world.trading(VENUE, FUTURE, TradingState::Trading);
    world.intend(vec![new_intent(Side::Buy, 1)]);
    assert_eq!(refusals(&world), [RejectCode::Halted; 3], "another instrument trades");
    world.clear();
    world.trading(VENUE, SHARE, TradingState::Trading);
    assert_eq!(states(&world), [1], "told once");
    world.order(Side::Buy, 1);
    world.clear();
    world.trading(VENUE, SHARE, TradingState::Trading);
    assert!(states(&world).is_empty(), "and not again for the same");
}
