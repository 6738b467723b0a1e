//! An OUCH client's orders and its login.

use tiles::Clock;
use wire::ouch50::EnterOrderFields;

use super::{House, Trader, until};

/// An order for AAPL.
pub fn enter(number: u32, side: u8, quantity: u32, price: u64) -> EnterOrderFields<'static> {
    EnterOrderFields {
        user_ref_num: number,
        side,
        quantity,
        symbol: *b"AAPL    ",
        price,
        time_in_force: b'0',
        display: b'Y',
        capacity: b'P',
        inter_market_sweep_eligibility: b'N',
        cross_type: b'N',
        cl_ord_id: *b"text          ",
        appendage: &[],
    }
}

/// Sends what is encoded.
pub fn send(house: &House, trader: &mut Trader, encode: impl FnOnce(&mut [u8]) -> usize) {
    let mut message = [0; 256];
    let length = encode(&mut message);
    trader.send(house.clock.now_ns(), &message[..length]);
}

/// Logs in at the port of this place.
pub fn log_in(house: &mut House, port: usize, first_sequence: u64) -> Trader {
    let config = &house.config.ports[port];
    let mut trader = Trader::connect(config.listen, &config.username, &config.password, first_sequence);
    until(house, "a login", |house| {
        trader.step(house.clock.now_ns());
        trader.up
    });
    trader
}
