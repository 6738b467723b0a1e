//! A closing auction over the whole loop: the exchange's call, the feed's word of it, a strategy's order that is for it alone.

use std::sync::atomic::Ordering;

use records::{AuctionAction, Side, TimeInForce};

use crate::flow::{ASK, Desk};
use crate::strategy::Step;
use crate::world::{MILLISECOND, Setup, World};

const LOTS: i64 = 40;

#[test]
pub fn a_strategy_hears_of_a_closing_auction_and_its_order_for_it_trades_there() {
    let (mut world, desk): (World, Desk) = World::scripted(Setup { run_ns: 60 * MILLISECOND, ..Setup::new(11) });
    // It would trade at once if it were not for the close.
    world.script(Step::New(Side::Buy, ASK, LOTS, TimeInForce::AtClose));
    world.run(4 * MILLISECOND);
    assert_eq!((world.live(), world.held()), (vec![ASK], (LOTS, 0)), "it waits");
    desk.closing(AuctionAction::Call);
    world.run(6 * MILLISECOND);
    let said = world.seen.auctions.lock().unwrap().clone();
    assert_eq!(said.last(), Some(&[ASK, LOTS, 5_000 - LOTS]), "what the call would give, as the strategy hears it");
    assert_eq!(world.seen.fills.load(Ordering::Relaxed), 0);
    desk.closing(AuctionAction::Uncross);
    world.run(6 * MILLISECOND);
    assert_eq!(world.seen.fills.load(Ordering::Relaxed), 1);
    assert_eq!((world.live(), world.held()), (vec![], (0, 0)));
    world.finish();
    assert_eq!(world.check_at_rest().fills, 1);
}
