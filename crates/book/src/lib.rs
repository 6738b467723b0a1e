//! Books of a venue, order by order and by level, and readers, generators and drivers of recorded order flow.
//!
//! Invariant: a book takes all its memory when it is made; bytes of any origin change it or count an anomaly, and never
//! panic. Readers refuse a bad file in words before anything starts.

mod anomaly;
mod batch;
mod books;
mod consolidated;
pub mod flow;
pub mod itch_flow;
mod levels;
mod map;
pub mod measure;
mod memory;
mod order_book;
mod orders;
mod sides;
mod state;

pub use anomaly::{Anomalies, Anomaly, Change};
pub use batch::Batch;
pub use books::{Capacity, RestingOrder, VenueBooks};
pub use consolidated::{Consolidated, Spells};
pub use levels::{InstrumentSides, LevelTold, Renewed, TradeTold};
pub use order_book::OrderBook;
