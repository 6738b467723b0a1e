//! What a gateway asks of the protocol that its venue speaks.
//!
//! Invariant: a message is made ready, the map of ids is journaled, then the message is queued: in this order, so that no order
//! leaves that a restart would not know.

use records::{NewOrder, Reason, RecordRef, ReplaceOrder, Stamp};

use super::core::Core;
use super::orders::{Entry, Orders};
use super::sweep::Sweep;

/// Bytes from and to the socket.
pub trait Stream {
    /// The connection is made.
    fn on_connected(&mut self, now_ns: u64);
    /// Memory to read into.
    fn space(&mut self) -> &mut [u8];
    /// Bytes for the socket.
    fn output(&self) -> &[u8];
    /// The socket took so many.
    fn written(&mut self, count: usize);
    /// Bytes that may be queued still.
    fn room(&self) -> usize;
}

/// A venue's protocol: orders to messages and back, and what it takes to know what the venue knows.
pub trait Protocol {
    /// Its bytes.
    type Stream: Stream;

    /// Its bytes.
    fn stream(&mut self) -> &mut Self::Stream;
    /// Its orders.
    fn orders(&mut self) -> &mut Orders;
    /// Sweeps under way.
    fn sweeps(&mut self) -> &mut Vec<Sweep>;
    /// Whether the session is up.
    fn is_up(&self) -> bool;
    /// Makes a new order's message ready and keeps the order; nothing is kept on an error.
    ///
    /// # Errors
    /// Why this session cannot send it.
    fn enter(&mut self, order: &NewOrder, now_ns: u64) -> Result<(), Reason>;
    /// As [`Protocol::enter`], of a replacement.
    ///
    /// # Errors
    /// Why this session cannot send it.
    fn replace(&mut self, order: &ReplaceOrder, now_ns: u64) -> Result<(), Reason>;
    /// Makes the cancel of an order ready, or its reduction to `lots` in all.
    ///
    /// # Errors
    /// [`Reason::UnknownOrder`] when the session has no such order open.
    fn cancel(&mut self, user_ref: u32, lots: i64, now_ns: u64) -> Result<(), Reason>;
    /// Asks the venue to cancel what a sweep matches with one message; `false` where it knows no such message.
    fn cancel_many(&mut self, sweep: &Sweep, core: &mut Core, now_ns: u64) -> bool {
        let _ = (sweep, core, now_ns);
        false
    }
    /// Whether quotes leave in sets.
    fn quotes_in_sets(&self) -> bool {
        false
    }
    /// Whether an order that is marked as a quote leaves as one.
    fn takes_as_quote(&self, order: &NewOrder) -> bool {
        let _ = order;
        false
    }
    /// Bytes that the set of quotes may need that is gathered and not sent; 0: there is none.
    fn gathered_bytes(&self) -> usize {
        0
    }
    /// Whether the set that is gathered takes no further quote.
    fn is_set_full(&self) -> bool {
        false
    }
    /// Sends the set that is gathered, and states what of it never leaves, a cancel where `asked` by the engine; whether it left.
    fn end_set(&mut self, core: &mut Core, asked: bool, now_ns: u64) -> bool {
        let _ = (core, asked, now_ns);
        false
    }
    /// States that the set that is gathered never leaves.
    fn drop_set(&mut self, core: &mut Core, reason: Reason, now_ns: u64) {
        let _ = (core, reason, now_ns);
    }
    /// Queues the message that was made ready last; a quote's joins the set.
    ///
    /// # Errors
    /// Why it will never leave.
    fn send(&mut self, now_ns: u64) -> Result<(), Reason>;
    /// Takes an order that an earlier life sent under this number.
    fn restore_order(&mut self, user_ref: u32, entry: Entry);
    /// Takes what the journal of an earlier life says beside orders and replaces.
    fn restore(&mut self, stamp: Stamp, record: &RecordRef);
    /// One cycle of the session: connect, read, handle, write; recovery as far as there is room. Returns the work done.
    fn run(&mut self, core: &mut Core, now_ns: u64) -> usize;
    /// The connection is gone.
    fn on_lost(&mut self, core: &mut Core, now_ns: u64);
    /// Journals how far the venue was heard, when that is news. Cold work.
    fn mark(&mut self, core: &mut Core, now_ns: u64);
    /// Says goodbye.
    fn log_out(&mut self, now_ns: u64);
}
