//! Multi-leg orders: all held before the first leg leaves, what fails is traded back, and every end is told.
//!
//! Invariant: each test says what is held and reserved at the end; nothing may be left over.

mod support;

use records::*;
use risk::{Binding, Exposure};
use support::{
    FUTURE, Heard, OTHER_VENUE, PRICE, SHARE, SLOT, TICK, VENUE, World, cancel_all_intent, leg_intent, limit,
    multi_leg_intent, new_intent, replace_intent,
};

const WITHIN_NS: u64 = 50_000_000;
const UNWIND_NS: i64 = 8_000_000;
const LONG: [u32; 2] = [6, 14];

/// Buys 10 at the first venue and sells 10 at the other, each traded back ten ticks worse at most.
fn pair(one_by_one: bool) -> Vec<OrderIntent> {
    vec![
        leg_intent(0, Side::Buy, PRICE, 10, PRICE - 10 * TICK),
        leg_intent(1, Side::Sell, PRICE, 10, PRICE + 10 * TICK),
        multi_leg_intent(WITHIN_NS, UNWIND_NS, one_by_one, 7),
    ]
}

fn views(world: &World) -> Vec<MultiLegView> {
    world
        .heard()
        .into_iter()
        .filter_map(|heard| if let Heard::MultiLeg(view) = heard { Some(view) } else { None })
        .collect()
}

fn states(world: &World) -> Vec<u32> {
    views(world).iter().map(|view| view.state).collect()
}

fn sent(world: &World) -> Vec<NewOrder> {
    world.commands::<NewOrder>()
}

fn code(state: MultiLegState) -> u32 {
    u32::from(state.code())
}

fn exposures(world: &World) -> Vec<Exposure> {
    (1..=3).map(|at| world.engine.limits().exposure(Binding(at))).collect()
}

/// Lots that count as open, spare lots, orders: over all listings.
fn reserved(world: &World) -> (i64, i64, i64) {
    exposures(world).iter().fold((0, 0, 0), |(open, spare, orders), one| {
        (open + one.open_buy_lots + one.open_sell_lots, spare + one.spare_lots, orders + one.open_orders)
    })
}

/// Nothing is open, nothing reserved, no money held.
fn assert_free(world: &World) {
    assert_eq!(reserved(world), (0, 0, 0));
    assert!(exposures(world).iter().all(|one| one.gross_held_nanos == 0));
    assert_eq!(world.engine.live_orders().count(), 0);
}

fn accept(world: &mut World, id: u64) {
    world.report(id, OrderEventKind::Accepted, |event| event.venue_order_ref = id ^ 7);
}

fn gone(world: &mut World, id: u64) {
    world.report(id, OrderEventKind::Canceled, |event| event.leaves_lots = 0);
}

fn wait(world: &mut World, time_ns: u64) {
    world.now_ns += time_ns;
    world.give(&Timer::new());
}

fn begun(one_by_one: bool) -> (World, Vec<u64>) {
    let mut world = World::new();
    world.intend(pair(one_by_one));
    let ids: Vec<u64> = sent(&world).iter().map(|order| order.owner.order_id).collect();
    assert_eq!(states(&world), [code(MultiLegState::Working)], "{:?}", world.outputs::<RiskReject>());
    ids.iter().for_each(|id| accept(&mut world, *id));
    (world, ids)
}

fn tighten(world: &mut World, id: u32, node: u32, metric: Metric, value: i128) {
    let mut record = limit(id, node, metric, value);
    record.revision = 2 + world.sequence;
    world.give(&record);
}

#[test]
fn both_legs_leave_and_their_unwinding_is_reserved_first() {
    let (world, ids) = begun(false);
    assert_eq!(ids.len(), 2);
    // The legs are open, and as many lots spare for trading them back; those count as no position and no order.
    assert_eq!(reserved(&world), (20, 20, 2));
    let told = &views(&world)[0];
    assert_eq!((told.tag, told.legs_count, told.legs[1].order_id), (7, 2, ids[1]));
    let parents: Vec<u64> = sent(&world).iter().map(|order| order.owner.parent_id).collect();
    assert_eq!(parents, [told.multi_leg_id; 2]);
    assert_eq!(world.outputs::<MultiLeg>().len(), 3, "the whole, and each leg");
}

#[test]
fn it_completes_when_every_leg_has_filled() {
    let (mut world, ids) = begun(false);
    world.fill(ids[0], 4);
    assert_eq!(reserved(&world), (6 + 4 + 10, 6 + 10, 2), "what filled may have to be sold: that room is taken now");
    world.fill(ids[0], 6);
    world.fill(ids[1], 10);
    assert_eq!(states(&world).last(), Some(&code(MultiLegState::Completed)));
    assert_eq!((world.position(SHARE), sent(&world).len()), (0, 2));
    assert_free(&world);
}

#[test]
fn a_leg_that_fails_takes_the_other_off_and_what_filled_is_traded_back() {
    let (mut world, ids) = begun(false);
    world.fill(ids[0], 6);
    world.report(ids[1], OrderEventKind::Canceled, |event| event.leaves_lots = 0);
    let cancels = world.commands::<CancelOrder>();
    assert_eq!(cancels.iter().map(|cancel| cancel.owner.order_id).collect::<Vec<_>>(), [ids[0]]);
    assert_eq!(sent(&world).len(), 2, "nothing is traded back while the leg may still fill");
    world.fill(ids[0], 1);
    gone(&mut world, ids[0]);
    let back = *sent(&world).last().unwrap();
    assert_eq!((back.side, back.lots, back.price_nanos), (Side::Sell.code(), 7, PRICE - 10 * TICK));
    assert_eq!(reserved(&world), (7, 0, 1));
    world.fill(back.owner.order_id, 7);
    let end = *views(&world).last().unwrap();
    assert_eq!((end.state, end.cause), (code(MultiLegState::Unwound), u32::from(MultiLegCause::LegEnded.code())));
    assert_eq!((end.leg, end.legs[0].filled_lots, end.legs[0].unwound_lots), (1, 7, 7));
    assert_eq!(world.position(SHARE), 0);
    assert_free(&world);
}

#[test]
fn legs_that_all_fill_before_their_cancels_arrive_complete_it() {
    let (mut world, ids) = begun(false);
    world.fill(ids[0], 10);
    wait(&mut world, WITHIN_NS);
    assert_eq!(states(&world).last(), Some(&code(MultiLegState::Compensating)));
    world.fill(ids[1], 10);
    let end = *views(&world).last().unwrap();
    assert_eq!((end.state, end.cause), (code(MultiLegState::Completed), u32::from(MultiLegCause::Timeout.code())));
    assert_eq!(sent(&world).len(), 2);
    assert_free(&world);
}

#[test]
fn leg_after_leg_the_second_leaves_when_the_first_has_filled_and_holds_its_room_until_then() {
    let (mut world, ids) = begun(true);
    assert_eq!((ids.len(), reserved(&world)), (1, (20, 20, 2)));
    world.fill(ids[0], 9);
    assert_eq!(sent(&world).len(), 1);
    world.fill(ids[0], 1);
    let second = *sent(&world).last().unwrap();
    assert_eq!((second.header.venue, second.side, second.lots), (OTHER_VENUE, Side::Sell.code(), 10));
    accept(&mut world, second.owner.order_id);
    world.fill(second.owner.order_id, 10);
    assert_eq!(states(&world).last(), Some(&code(MultiLegState::Completed)));
    assert_free(&world);
}

#[test]
fn a_kill_stops_the_leg_that_waits_and_what_filled_stays_when_time_is_over() {
    let (mut world, ids) = begun(true);
    let mut kill = Kill::new();
    (kill.node, kill.selector, kill.new_orders) = (1, SelectorKind::All.code(), KillNew::None.code());
    (kill.resting, kill.generation, kill.revision) = (KillResting::Keep.code(), 1, 9);
    world.give(&kill);
    world.fill(ids[0], 10);
    let told = *views(&world).last().unwrap();
    assert_eq!(
        (told.state, told.cause),
        (code(MultiLegState::Compensating), u32::from(MultiLegCause::LegRefused.code()))
    );
    assert_eq!((told.leg, told.reason), (1, u32::from(RejectCode::StateNone.code())));
    for _ in 0..9 {
        wait(&mut world, UNWIND_NS as u64 / 8);
    }
    assert_eq!(sent(&world).len(), 1, "no order passes a kill");
    let refused = world.outputs::<RiskReject>();
    assert!((3..=9).contains(&refused.len()), "the leg, and each try: {}", refused.len());
    let end = *views(&world).last().unwrap();
    assert_eq!((end.state, end.legs[0].state), (code(MultiLegState::Incomplete), u32::from(LegState::Left.code())));
    assert_eq!(world.position(SHARE), 10);
    assert_free(&world);
}

#[test]
fn the_worst_case_of_all_legs_is_reserved_or_none_leaves_and_the_limit_is_named() {
    for one_by_one in [false, true] {
        let mut world = World::new();
        tighten(&mut world, LONG[0], 1, Metric::PositionLong, 15);
        world.clear();
        let before = (world.engine.limits().exposure(Binding(1)), reserved(&world));
        world.intend(vec![
            leg_intent(0, Side::Buy, PRICE, 10, UNDEF_PRICE),
            leg_intent(1, Side::Buy, PRICE, 10, UNDEF_PRICE),
            multi_leg_intent(WITHIN_NS, UNWIND_NS, one_by_one, 3),
        ]);
        assert!(sent(&world).is_empty());
        let refused = world.outputs::<RiskReject>();
        assert_eq!(refused.len(), 1);
        let limit = (refused[0].code, refused[0].limit, refused[0].header.venue, refused[0].intent);
        assert_eq!(limit, (RejectCode::PosLong.code(), LONG[0], OTHER_VENUE, IntentKind::MultiLeg.code()));
        let told = *views(&world).last().unwrap();
        let why = (told.state, told.leg, told.reason, told.limit, told.tag);
        assert_eq!(why, (code(MultiLegState::Refused), 1, u32::from(RejectCode::PosLong.code()), LONG[0], 3));
        assert_eq!((world.engine.limits().exposure(Binding(1)), reserved(&world)), before);
    }
}

#[test]
fn a_long_account_may_buy_what_it_could_not_sell_short() {
    // Selling back what was bought needs no room to be short.
    let mut world = World::new();
    for (id, node) in [(7, 1), (15, 3)] {
        tighten(&mut world, id, node, Metric::PositionShort, 0);
    }
    world.clear();
    world.intend(vec![
        leg_intent(0, Side::Buy, PRICE, 10, PRICE - TICK),
        leg_intent(1, Side::Buy, PRICE, 10, PRICE - TICK),
        multi_leg_intent(WITHIN_NS, UNWIND_NS, false, 3),
    ]);
    let ids: Vec<u64> = sent(&world).iter().map(|order| order.owner.order_id).collect();
    assert_eq!(ids.len(), 2, "{:?}", world.outputs::<RiskReject>());
    world.fill(ids[0], 10);
    // The room that this fill gave is taken: another order cannot sell it first.
    world.intend(vec![new_intent(Side::Sell, 1)]);
    assert_eq!(world.outputs::<RiskReject>().last().unwrap().code, RejectCode::PosShort.code());
    world.report(ids[1], OrderEventKind::Rejected, |_| {});
    assert_eq!(sent(&world).last().unwrap().lots, 10);
}

#[test]
fn a_refused_multi_leg_order_takes_no_token_and_is_not_remembered() {
    let mut world = World::new();
    for (id, node) in [(4, 1), (12, 3)] {
        let mut record = limit(id, node, Metric::MessageRate, 1);
        (record.window_ns, record.burst, record.revision) = (1_000_000_000, 1, 50 + u64::from(id));
        world.give(&record);
    }
    let mut record = limit(90, 1, Metric::DuplicateOrders, 1);
    (record.window_ns, record.revision) = (1_000_000_000, 70);
    world.give(&record);
    for (listing, wanted) in [(9, RejectCode::UnknownInstrument), (1, RejectCode::BadTick)] {
        world.clear();
        let bad = leg_intent(listing, Side::Sell, PRICE + 1, 10, UNDEF_PRICE);
        let good = leg_intent(0, Side::Buy, PRICE, 10, UNDEF_PRICE);
        world.intend(vec![good, bad, multi_leg_intent(WITHIN_NS, UNWIND_NS, false, 0)]);
        assert_eq!(world.outputs::<RiskReject>()[0].code, wanted.code());
    }
    let hash = world.engine.limits().exposure(Binding(1));
    world.clear();
    world.intend(pair(false));
    assert_eq!(sent(&world).len(), 2, "both tokens are there: {:?} {hash:?}", world.outputs::<RiskReject>());
}

#[test]
fn what_makes_no_sense_is_refused_before_anything() {
    let leg = |side| leg_intent(0, side, PRICE, 10, UNDEF_PRICE);
    let at_open = OrderIntent { time_in_force: TimeInForce::AtOpen.code(), ..leg(Side::Buy) };
    let end = multi_leg_intent(WITHIN_NS, UNWIND_NS, false, 1);
    let cases = [
        vec![end],
        vec![leg(Side::Buy), end],
        vec![leg(Side::Buy), leg(Side::Buy)],
        vec![leg(Side::Buy), leg(Side::Buy), multi_leg_intent(0, UNWIND_NS, false, 1)],
        vec![leg(Side::Buy), leg(Side::Buy), multi_leg_intent(WITHIN_NS, 0, false, 1)],
        vec![leg(Side::Buy), leg(Side::Buy), multi_leg_intent(WITHIN_NS, -5, false, 1)],
        vec![leg(Side::Buy), at_open, end],
        [vec![leg(Side::Buy); LEGS_MAX + 1], vec![end]].concat(),
    ];
    for (at, case) in cases.into_iter().enumerate() {
        let mut world = World::new();
        world.intend(case);
        let refused = world.outputs::<RiskReject>();
        let known = [RejectCode::BadIntent.code(), RejectCode::Capacity.code()];
        assert!(!refused.is_empty() && refused.iter().all(|one| known.contains(&one.code)), "{at}: {refused:?}");
        if at < 7 {
            assert!(sent(&world).is_empty(), "{at}");
            assert_free(&world);
        }
    }
}

#[test]
fn a_leg_is_not_replaced_by_hand_and_cancelling_it_fails_the_whole() {
    let (mut world, ids) = begun(false);
    world.intend(vec![replace_intent(ids[0], PRICE - TICK, 10)]);
    assert_eq!(world.outputs::<RiskReject>().last().unwrap().code, RejectCode::OrderBusy.code());
    world.intend(vec![cancel_all_intent()]);
    ids.iter().for_each(|id| gone(&mut world, *id));
    assert_eq!(states(&world).last(), Some(&code(MultiLegState::Unwound)));
    assert_free(&world);
}

#[test]
fn unwinding_that_the_venue_ends_is_tried_again_until_time_is_over() {
    let (mut world, ids) = begun(false);
    world.fill(ids[0], 10);
    gone(&mut world, ids[1]);
    let mut tries = 0;
    while *states(&world).last().unwrap() == code(MultiLegState::Compensating) {
        let orders = sent(&world);
        if orders.len() > 2 + tries {
            tries += 1;
            world.report(orders.last().unwrap().owner.order_id, OrderEventKind::Rejected, |_| {});
        }
        wait(&mut world, 100_000);
    }
    assert_eq!((tries, world.position(SHARE)), (8, 10));
    assert_eq!(states(&world).last(), Some(&code(MultiLegState::Incomplete)));
    assert_free(&world);
}

#[test]
fn unwinding_that_rests_is_cancelled_when_time_is_over_and_counts_what_it_traded() {
    let (mut world, ids) = begun(false);
    world.fill(ids[0], 10);
    gone(&mut world, ids[1]);
    let back = sent(&world).last().unwrap().owner.order_id;
    accept(&mut world, back);
    world.fill(back, 3);
    wait(&mut world, UNWIND_NS as u64);
    assert_eq!(world.commands::<CancelOrder>().last().unwrap().owner.order_id, back);
    world.fill(back, 2);
    gone(&mut world, back);
    let end = *views(&world).last().unwrap();
    assert_eq!(
        (end.state, end.legs[0].filled_lots, end.legs[0].unwound_lots),
        (code(MultiLegState::Incomplete), 10, 5)
    );
    assert_eq!(world.position(SHARE), 5);
    assert_free(&world);
}

#[test]
fn a_leg_nobody_can_speak_of_does_not_hold_up_the_others() {
    let (mut world, ids) = begun(false);
    world.fill(ids[0], 10);
    world.session(OTHER_VENUE, SessionState::Down);
    wait(&mut world, WITHIN_NS);
    let back = *sent(&world).last().unwrap();
    assert_eq!((back.header.venue, back.lots), (VENUE, 10));
    world.fill(back.owner.order_id, 10);
    assert_eq!(states(&world).last(), Some(&code(MultiLegState::Compensating)), "the other leg is still held");
    assert_eq!(reserved(&world), (10, 10, 1));
    wait(&mut world, UNWIND_NS as u64);
    // The venue is back: it filled meanwhile, and there is no time left to trade that back.
    world.session(OTHER_VENUE, SessionState::Up);
    world.fill(ids[1], 10);
    let states_now = states(&world);
    assert_eq!(states_now.last(), Some(&code(MultiLegState::Incomplete)), "{states_now:?}");
    assert_eq!(world.position(SHARE), -10);
    assert_free(&world);
}

#[test]
fn a_slot_that_stops_with_its_orders_has_them_traded_back_and_one_that_failed_sends_nothing() {
    for fails in [false, true] {
        let (mut world, ids) = begun(false);
        world.fill(ids[0], 10);
        if fails {
            world.script.0.borrow_mut().failure = Some((Callback::Book, u32::from(CallStatus::Raised.code())));
            world.rest(VENUE, SHARE, Side::Buy, PRICE - 3 * TICK, 1);
        } else {
            let mut control = StrategyControl::new();
            (control.slot, control.run, control.cancel) = (SLOT, SlotRun::Stopped.code(), 1);
            world.give(&control);
        }
        gone(&mut world, ids[1]);
        assert_eq!(sent(&world).len(), if fails { 2 } else { 3 });
        if !fails {
            world.fill(sent(&world)[2].owner.order_id, 10);
        }
        let last = world.outputs::<MultiLeg>().into_iter().rfind(|record| record.leg == 0).unwrap();
        let wanted = if fails { MultiLegState::Incomplete } else { MultiLegState::Unwound };
        assert_eq!((last.state, last.cause), (wanted.code(), MultiLegCause::Stopped.code()));
        assert_free(&world);
    }
}

#[test]
fn a_trade_of_a_filled_leg_that_is_broken_fails_the_whole() {
    let (mut world, ids) = begun(false);
    let execution = world.fill(ids[0], 10);
    world.report(ids[0], OrderEventKind::Broken, |event| {
        (event.lots, event.price_nanos, event.execution_id) = (10, PRICE, execution);
    });
    gone(&mut world, ids[1]);
    let end = *views(&world).last().unwrap();
    assert_eq!((end.state, end.legs[0].filled_lots), (code(MultiLegState::Unwound), 0));
    assert_free(&world);
}

#[test]
fn the_day_ends_its_orders_and_unwinding_waits_for_the_next() {
    let (mut world, ids) = begun(false);
    world.fill(ids[0], 10);
    let mut roll = DayRoll::new();
    roll.day = world.engine.identity().day + 1;
    world.give(&roll);
    let back = *sent(&world).last().unwrap();
    assert_eq!((back.lots, world.state(back.owner.order_id)), (10, OrderState::PendingNew), "sent after the roll");
    world.fill(back.owner.order_id, 10);
    assert_eq!(states(&world).last(), Some(&code(MultiLegState::Unwound)));
    assert_free(&world);
}

#[test]
fn legs_of_two_instruments_count_each_in_its_own() {
    let mut world = World::new();
    world.intend(vec![
        leg_intent(0, Side::Buy, PRICE, 50, PRICE - TICK),
        leg_intent(2, Side::Sell, PRICE, 1, UNDEF_PRICE),
        multi_leg_intent(WITHIN_NS, UNWIND_NS, false, 0),
    ]);
    let ids: Vec<u64> = sent(&world).iter().map(|order| order.owner.order_id).collect();
    world.fill(ids[1], 1);
    world.report(ids[0], OrderEventKind::Rejected, |_| {});
    let end = *views(&world).last().unwrap();
    assert_eq!((end.state, end.legs[1].instrument), (code(MultiLegState::Incomplete), FUTURE));
    assert_eq!(end.legs[1].state, u32::from(LegState::Left.code()), "this leg has no price to trade it back at");
    assert_eq!((world.position(FUTURE), world.position(SHARE)), (-1, 0));
    assert_free(&world);
}
