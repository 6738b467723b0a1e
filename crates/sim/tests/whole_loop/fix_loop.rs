//! The whole loop over FIX: what must hold of an order session must hold whatever it speaks. The venue is the house exchange at
//! its FIX port, and a reader of its drop copy writes down every fill, which is compared at each end.
//!
//! Invariant: as in the modules that these tests come from.

use crate::fix::{in_sets, over_fix};
use crate::{auction, bytes, calm, named, parity, session};

macro_rules! over_fix {
    ($($name:ident: $version:literal, $test:path;)*) => {
        $(#[test]
        fn $name() {
            over_fix($version, $test);
        })*
    };
}

over_fix! {
    calm_two_venues_agree: "FIX.4.4", calm::calm_two_venues_agree_with_the_engine_and_a_seed_repeats_itself;
    session_cut_at_any_byte: "FIX.4.4", session::session_cut_at_any_byte_loses_and_doubles_nothing;
    session_cut_at_any_byte_in_42: "FIX.4.2", session::session_cut_at_any_byte_loses_and_doubles_nothing;
    session_cut_amid_writes: "FIXT.1.1", session::session_cut_in_the_midst_of_writes_by_the_network_itself;
    gateway_killed: "FIX.4.4", session::gateway_killed_and_started_again_goes_on_from_its_journal;
    gateway_killed_in_42: "FIX.4.2", session::gateway_killed_and_started_again_goes_on_from_its_journal;
    exchange_killed: "FIX.4.4", session::exchange_killed_and_started_again_goes_on_from_its_journal;
    engine_silent: "FIX.4.4", session::engine_that_falls_silent_has_its_orders_pulled_and_each_is_reported;
    everything_dies: "FIX.4.4", session::everything_dies_by_turns_and_the_truth_is_found_again;
    everything_dies_in_50: "FIXT.1.1", session::everything_dies_by_turns_and_the_truth_is_found_again;
    dropped_at_bytes_that_we_say: "FIX.4.4", bytes::session_dropped_at_every_byte_that_we_say_loses_and_doubles_nothing;
    dropped_at_bytes_that_the_venue_says: "FIX.4.4",
        bytes::session_dropped_at_every_byte_that_the_venue_says_loses_and_doubles_nothing;
    r8_a_status_that_breaks_off: "FIX.4.4", bytes::r8_a_status_query_that_breaks_off_at_any_byte_is_not_taken_for_flat;
    at_the_close: "FIX.4.4", auction::a_strategy_hears_of_a_closing_auction_and_its_order_for_it_trades_there;
    h1_answers_lost: "FIX.4.4", named::h1_orders_whose_answers_are_lost_use_their_limit_until_the_venue_answers;
    v1_status_before_orders: "FIX.4.4", named::v1_after_every_login_the_status_is_asked_before_the_first_order;
    v1_cancel_on_disconnect: "FIX.4.4", named::v1_cancel_on_disconnect_by_venue_table;
    v1_a_promise_not_kept: "FIXT.1.1", named::v1_a_promise_that_the_venue_does_not_keep_ends_no_order;
    v3_an_engine_that_lost_everything: "FIX.4.4",
        named::v3_an_engine_that_lost_everything_adopts_orders_and_fills_as_breaks;
    v4_busts: "FIX.4.4", named::v4_a_bust_is_booked_once_however_often_it_is_told;
    v4_busts_in_42: "FIX.4.2", named::v4_a_bust_is_booked_once_however_often_it_is_told;
    v4_corrections: "FIX.4.4", named::v4_a_correction_is_booked_once_however_often_it_is_told;
    v4_corrections_in_42: "FIX.4.2", named::v4_a_correction_is_booked_once_however_often_it_is_told;
    v5_crossing_fills: "FIX.4.4", named::v5_cancels_and_replaces_that_cross_fills_count_each_fill_once;
    v5_crossing_fills_in_42: "FIX.4.2", named::v5_cancels_and_replaces_that_cross_fills_count_each_fill_once;
    parity_of_a_run: "FIX.4.4", parity::a_run_is_its_backtest_whatever_crosses_on_the_way;
    r7_disconnects_amid_replaces: "FIX.4.4", named::r7_disconnects_amid_replaces_leave_no_phantom;
}

macro_rules! in_sets {
    ($($name:ident: $version:literal, $test:path;)*) => {
        $(#[test]
        fn $name() {
            in_sets($version, $test);
        })*
    };
}

in_sets! {
    quotes_calm: "FIX.4.4", calm::calm_two_venues_agree_with_the_engine_and_a_seed_repeats_itself;
    quotes_calm_in_43: "FIX.4.3", calm::calm_two_venues_agree_with_the_engine_and_a_seed_repeats_itself;
    quotes_cut_at_any_byte: "FIX.4.4", session::session_cut_at_any_byte_loses_and_doubles_nothing;
    quotes_cut_amid_writes: "FIXT.1.1", session::session_cut_in_the_midst_of_writes_by_the_network_itself;
    quotes_gateway_killed: "FIX.4.4", session::gateway_killed_and_started_again_goes_on_from_its_journal;
    quotes_exchange_killed: "FIX.4.4", session::exchange_killed_and_started_again_goes_on_from_its_journal;
    quotes_engine_silent: "FIX.4.4", session::engine_that_falls_silent_has_its_orders_pulled_and_each_is_reported;
    quotes_everything_dies: "FIX.4.4", session::everything_dies_by_turns_and_the_truth_is_found_again;
    quotes_everything_dies_in_50: "FIXT.1.1", session::everything_dies_by_turns_and_the_truth_is_found_again;
    quotes_dropped_at_bytes_that_we_say: "FIX.4.4",
        bytes::session_dropped_at_every_byte_that_we_say_loses_and_doubles_nothing;
    quotes_dropped_at_bytes_that_the_venue_says: "FIX.4.4",
        bytes::session_dropped_at_every_byte_that_the_venue_says_loses_and_doubles_nothing;
    quotes_answers_lost: "FIX.4.4", named::h1_orders_whose_answers_are_lost_use_their_limit_until_the_venue_answers;
    quotes_cancel_on_disconnect: "FIX.4.4", named::v1_cancel_on_disconnect_by_venue_table;
    quotes_an_engine_that_lost_everything: "FIX.4.4",
        named::v3_an_engine_that_lost_everything_adopts_orders_and_fills_as_breaks;
    quotes_busts: "FIX.4.4", named::v4_a_bust_is_booked_once_however_often_it_is_told;
    quotes_corrections: "FIX.4.4", named::v4_a_correction_is_booked_once_however_often_it_is_told;
    quotes_crossing_fills: "FIX.4.4", named::v5_cancels_and_replaces_that_cross_fills_count_each_fill_once;
    quotes_disconnects_amid_replaces: "FIX.4.4", named::r7_disconnects_amid_replaces_leave_no_phantom;
}
