//! Breakers and throttles in the fold: what they refuse, what they never hold up, what is said of them, and who may reset one.

mod support;

use records::*;
use support::{PRICE, SHARE, TICK, VENUE, World, cancel_all_intent, cancel_intent, new_intent, replace_intent};

const MILLISECOND: u64 = 1_000_000;

fn rules() -> SessionGuard {
    let mut rules = SessionGuard::new();
    rules.header.venue = VENUE;
    (rules.answers, rules.rejects_max, rules.slow_max, rules.probes, rules.breaker) = (16, 3, 3, 2, 1);
    (rules.window_ns, rules.round_trip_ns_max, rules.answer_ns_max) =
        (1_000 * MILLISECOND, MILLISECOND, 50 * MILLISECOND);
    (rules.hold_ns_min, rules.hold_ns_max) = (100 * MILLISECOND, 300 * MILLISECOND);
    rules
}

fn guarded(rules: &SessionGuard) -> World {
    let mut world = World::new();
    world.give(rules);
    assert_eq!(world.outputs::<Applied>()[0].outcome, 1);
    world.clear();
    world
}

fn pass(world: &mut World, ns: u64) {
    world.now_ns += ns;
    world.give(&Timer::new());
}

fn changes(world: &World) -> Vec<(u8, u8)> {
    world.outputs::<SessionHealth>().iter().filter(|one| one.changed == 1).map(|one| (one.state, one.cause)).collect()
}

fn state(state: BreakerState, cause: BreakerCause) -> (u8, u8) {
    (state.code(), cause.code())
}

fn refusals(world: &World) -> Vec<RejectCode> {
    world.outputs::<RiskReject>().iter().map(|one| RejectCode::from_code(one.code).unwrap()).collect()
}

/// An order that the venue refuses.
fn refused(world: &mut World, reason: Reason) {
    let id = world.order(Side::Buy, 1);
    world.report(id, OrderEventKind::Rejected, |event| event.reason = reason.code());
}

fn reset(request: u64) -> SessionReset {
    let mut record = SessionReset::new();
    (record.header.venue, record.request) = (VENUE, request);
    record.reason[..5].copy_from_slice(b"fixed");
    record
}

fn answer(world: &World) -> (u8, u64) {
    let applied = world.outputs::<Applied>();
    let last = applied.last().expect("every control record is answered");
    assert_eq!(last.control, Kind::SessionReset as u16);
    (last.outcome, last.request)
}

#[test]
fn rejects_open_the_breaker_and_probes_that_are_taken_close_it() {
    let mut world = guarded(&rules());
    let (resting, other) = (world.live_order(Side::Buy, 5), world.live_order(Side::Buy, 6));
    for _ in 0..3 {
        assert!(changes(&world).is_empty());
        refused(&mut world, Reason::Other);
    }
    assert_eq!(changes(&world), [state(BreakerState::Open, BreakerCause::Rejects)]);
    assert_eq!(world.engine.breakers_open(), 1);
    world.clear();
    world.intend(vec![new_intent(Side::Buy, 1), replace_intent(resting, PRICE - TICK, 4), cancel_intent(resting)]);
    assert_eq!(refusals(&world), [RejectCode::BreakerOpen, RejectCode::BreakerOpen]);
    assert_eq!(world.commands::<CancelOrder>().len(), 1, "cancels pass");
    assert_eq!(world.engine.statistics().refused_breaker, 2);
    world.report(resting, OrderEventKind::Canceled, |event| event.lots = 5);
    pass(&mut world, 100 * MILLISECOND);
    assert_eq!(changes(&world), [state(BreakerState::HalfOpen, BreakerCause::Rejects)]);
    world.clear();
    world.intend(vec![new_intent(Side::Buy, 1), replace_intent(other, PRICE - TICK, 7), new_intent(Side::Buy, 3)]);
    assert_eq!(refusals(&world), [RejectCode::BreakerOpen], "two probes pass");
    let (probe, replaced) = (world.commands::<NewOrder>()[0].owner, world.commands::<ReplaceOrder>()[0].owner);
    world.report(probe.order_id, OrderEventKind::Accepted, |_| {});
    assert!(changes(&world).is_empty());
    world.report(replaced.order_id, OrderEventKind::Replaced, |event| (event.original_id, event.lots) = (other, 7));
    assert_eq!(changes(&world), [state(BreakerState::Closed, BreakerCause::Rejects)]);
    world.live_order(Side::Buy, 1);
    assert_eq!((world.engine.breakers_open(), world.engine.statistics().trips), (0, 1));
}

#[test]
fn refusals_that_say_something_of_the_order_alone_do_not_count() {
    let mut world = guarded(&rules());
    for reason in [Reason::WouldCross, Reason::MinimumQuantity, Reason::Halted, Reason::SelfTradePrevention] {
        for _ in 0..4 {
            refused(&mut world, reason);
        }
    }
    let id = world.live_order(Side::Buy, 1);
    for at in 0..4 {
        world.intend(vec![replace_intent(id, PRICE - (at + 2) * TICK, 2)]);
        let replacement = world.commands::<ReplaceOrder>().last().unwrap().owner.order_id;
        world.report(replacement, OrderEventKind::ReplaceRejected, |event| {
            (event.original_id, event.reason) = (id, Reason::UnknownOrder.code());
        });
    }
    assert!(changes(&world).is_empty());
    assert_eq!(world.engine.breakers_open(), 0);
}

#[test]
fn slow_answers_and_no_answer_open_it() {
    let mut world = guarded(&rules());
    for at in 0..3 {
        assert_eq!(changes(&world).len(), 0, "{at} slow answers");
        let id = world.order(Side::Buy, 1);
        world.now_ns += 2 * MILLISECOND;
        world.report(id, OrderEventKind::Accepted, |_| {});
    }
    assert_eq!(changes(&world), [state(BreakerState::Open, BreakerCause::RoundTrip)]);
    let mut world = guarded(&rules());
    let id = world.order(Side::Buy, 1);
    pass(&mut world, 49 * MILLISECOND);
    assert!(changes(&world).is_empty());
    pass(&mut world, MILLISECOND);
    assert_eq!(changes(&world), [state(BreakerState::Open, BreakerCause::Unanswered)]);
    assert_eq!((world.state(id), world.held()), (OrderState::PendingNew, 1), "its hold stays");
    pass(&mut world, 100 * MILLISECOND);
    pass(&mut world, 200 * MILLISECOND);
    assert_eq!(changes(&world).len(), 2, "what opened it does not open it again");
    // A cancel that is not answered is no better, and neither is a probe.
    let probe = world.order(Side::Buy, 1);
    pass(&mut world, 50 * MILLISECOND);
    assert_eq!(changes(&world)[2], state(BreakerState::Open, BreakerCause::Unanswered));
    world.report(probe, OrderEventKind::Accepted, |_| {});
    assert_eq!(changes(&world).len(), 3, "too late");
    let mut world = guarded(&rules());
    let id = world.live_order(Side::Buy, 1);
    world.intend(vec![cancel_intent(id)]);
    pass(&mut world, 50 * MILLISECOND);
    assert_eq!(changes(&world), [state(BreakerState::Open, BreakerCause::Unanswered)]);
}

#[test]
fn a_session_that_was_lost_is_tried_before_it_is_trusted() {
    let mut world = guarded(&rules());
    let id = world.live_order(Side::Buy, 5);
    let under_way = world.order(Side::Buy, 6);
    world.session(VENUE, SessionState::Down);
    assert_eq!(changes(&world), [state(BreakerState::Open, BreakerCause::Session)]);
    world.intend(vec![new_intent(Side::Buy, 1)]);
    assert_eq!(refusals(&world), [RejectCode::GatewayNotReady], "the nearer reason");
    world.give(&reset(5));
    assert_eq!(answer(&world), (3, 5), "it is down: there is nothing to let through");
    pass(&mut world, 10_000 * MILLISECOND);
    world.session(VENUE, SessionState::Recovering);
    assert_eq!(changes(&world).len(), 1, "not before it is reconciled");
    world.report(under_way, OrderEventKind::Accepted, |event| event.possible_duplicate = 1);
    world.session(VENUE, SessionState::Up);
    assert_eq!(changes(&world)[1..], [state(BreakerState::HalfOpen, BreakerCause::Session)]);
    assert_eq!((world.state(id), world.held()), (OrderState::Live, 11));
    world.clear();
    for _ in 0..2 {
        world.live_order(Side::Buy, 1);
    }
    assert_eq!(changes(&world), [state(BreakerState::Closed, BreakerCause::Session)]);
}

#[test]
fn a_reset_half_opens_it_and_is_answered_by_its_number() {
    let mut world = guarded(&rules());
    world.give(&reset(7));
    assert_eq!(answer(&world), (2, 7), "it is not open");
    (0..3).for_each(|_| refused(&mut world, Reason::Closed));
    world.clear();
    world.give(&reset(8));
    assert_eq!(answer(&world), (1, 8));
    assert_eq!(changes(&world), [state(BreakerState::HalfOpen, BreakerCause::Rejects)]);
    refused(&mut world, Reason::Closed);
    assert_eq!(changes(&world).len(), 2, "a bad probe opens it again");
    let health = *world.outputs::<SessionHealth>().last().unwrap();
    assert_eq!((health.trips, health.hold_ns), (2, 200 * MILLISECOND), "for twice as long");
    let mut elsewhere = reset(9);
    elsewhere.header.venue = support::OTHER_VENUE;
    world.give(&elsewhere);
    assert_eq!(answer(&world), (3, 9), "that session has no rules");
}

#[test]
fn a_probe_that_never_left_is_no_probe() {
    let mut world = guarded(&rules());
    world.session(VENUE, SessionState::Down);
    world.session(VENUE, SessionState::Up);
    for _ in 0..5 {
        let id = world.order(Side::Buy, 1);
        world.report(id, OrderEventKind::NotSent, |event| event.reason = Reason::BackPressure.code());
    }
    let ids = [world.order(Side::Buy, 1), world.order(Side::Buy, 1)];
    world.intend(vec![new_intent(Side::Buy, 1)]);
    assert_eq!(refusals(&world), [RejectCode::BreakerOpen]);
    ids.iter().for_each(|id| world.report(*id, OrderEventKind::Accepted, |_| {}));
    assert_eq!(world.engine.breakers_open(), 0);
}

#[test]
fn what_would_meet_the_venues_throttle_is_refused_and_cancels_pass_beyond_their_share() {
    let throttle =
        SessionGuard { throttle_messages: 8, throttle_reserved: 3, throttle_window_ns: 100 * MILLISECOND, ..rules() };
    let mut world = guarded(&throttle);
    let ids: Vec<u64> = (0..5).map(|_| world.live_order(Side::Buy, 1)).collect();
    world.intend(vec![new_intent(Side::Buy, 2), replace_intent(ids[0], PRICE - TICK, 2)]);
    let refusals: Vec<_> = world.outputs::<RiskReject>();
    for refusal in &refusals {
        assert_eq!((refusal.code, refusal.bound.get()), (RejectCode::Throttle.code(), 5));
        assert_eq!(refusal.observed.get(), 6, "five are under way");
    }
    assert_eq!((refusals.len(), world.engine.statistics().refused_throttle), (2, 2));
    world.clear();
    world.intend(vec![cancel_all_intent()]);
    assert_eq!(world.commands::<CancelOrder>().len(), 5, "more than their share: none waits");
    ids.iter().for_each(|id| world.report(*id, OrderEventKind::Canceled, |event| event.lots = 1));
    pass(&mut world, 100 * MILLISECOND);
    world.live_order(Side::Buy, 1);
    let health: Vec<_> = world.outputs::<SessionHealth>();
    let health = health.last().unwrap();
    assert_eq!((health.throttle_used, health.throttle_messages, health.throttle_reserved), (0, 8, 3));
    assert_eq!((health.refused_throttle, health.answers, health.session), (2, 5, SessionState::Up.code()));
}

#[test]
fn an_order_whose_own_cancels_would_fill_the_throttle_is_refused_before_they_go() {
    let mut world = World::new();
    let mut slot = Slot::new();
    (slot.account, slot.strategy, slot.desk, slot.trader, slot.slot) = (4, 3, 2, 9, 1);
    slot.self_trade = SelfTrade::CancelOldest.code();
    let mut control = StrategyControl::new();
    (control.slot, control.run) = (1, SlotRun::Stopped.code());
    world.give(&control);
    world.give(&slot);
    let mut bind = SlotBind::new();
    (bind.header.venue, bind.header.instrument, bind.slot) = (VENUE, SHARE, 1);
    world.give(&bind);
    control.run = SlotRun::Running.code();
    world.give(&control);
    world.give(&SessionGuard { throttle_messages: 6, throttle_window_ns: 100 * MILLISECOND, ..rules() });
    for _ in 0..3 {
        world.live_order(Side::Buy, 1);
    }
    world.clear();
    world.intend(vec![new_intent(Side::Sell, 1)]);
    assert_eq!(refusals(&world), [RejectCode::Throttle], "three went, three cancels and itself are seven");
    assert!(world.commands::<CancelOrder>().is_empty());
    pass(&mut world, 100 * MILLISECOND);
    world.intend(vec![new_intent(Side::Sell, 1)]);
    assert_eq!((world.commands::<CancelOrder>().len(), world.commands::<NewOrder>().len()), (3, 1));
}

#[test]
fn health_is_said_at_the_interval_where_it_changed_and_whenever_someone_asks() {
    let mut world = guarded(&rules());
    pass(&mut world, 200 * MILLISECOND);
    world.clear();
    pass(&mut world, 200 * MILLISECOND);
    assert!(world.outputs::<SessionHealth>().is_empty(), "nothing changed");
    let id = world.order(Side::Buy, 1);
    world.now_ns += 123_456;
    world.report(id, OrderEventKind::Accepted, |_| {});
    pass(&mut world, 200 * MILLISECOND);
    let told = world.outputs::<SessionHealth>();
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].round_trip_ns, told[0].round_trip_max_ns, told[0].changed), (124_456, 124_456, 0));
    assert_eq!((told[0].state, told[0].cause, told[0].answers), (BreakerState::Closed.code(), 0, 1));
    world.clear();
    world.give(&StateRequest::new());
    assert_eq!(world.outputs::<SessionHealth>().len(), 1);
}

#[test]
fn rules_that_make_no_sense_are_refused_and_equal_ones_change_nothing() {
    let mut world = guarded(&rules());
    let wrong = [
        SessionGuard { answers: 0, ..rules() },
        SessionGuard { rejects_max: 17, ..rules() },
        SessionGuard { slow_max: 0, ..rules() },
        SessionGuard { probes: 0, ..rules() },
        SessionGuard { window_ns: 0, ..rules() },
        SessionGuard { hold_ns_min: 400 * MILLISECOND, ..rules() },
        SessionGuard { throttle_messages: 4, throttle_reserved: 4, throttle_window_ns: 1, ..rules() },
        SessionGuard { throttle_messages: 1 << 20, throttle_window_ns: 1, ..rules() },
        SessionGuard { breaker: 2, ..rules() },
        SessionGuard { header: Header { venue: 9, ..rules().header }, ..rules() },
    ];
    for rules in wrong {
        world.clear();
        world.give(&rules);
        assert_eq!(world.outputs::<Applied>()[0].outcome, 3, "{rules:?}");
    }
    (0..3).for_each(|_| refused(&mut world, Reason::Other));
    world.give(&rules());
    assert_eq!(world.engine.breakers_open(), 1, "a restart of the engine says them again");
    world.give(&SessionGuard { breaker: 0, ..rules() });
    assert_eq!(world.engine.breakers_open(), 0, "switched off");
}
