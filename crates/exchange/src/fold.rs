//! What the input makes: the core's state, and what it says to the feed and to every session; without the journal and the sockets.
//!
//! Invariant: the same records make the same fold, whether they are read from a journal once, or followed while another process
//! writes them.

use journal::{JournalError, Reader};
use records::{ExchangeListing, Kind, Stamp, read_from};
use sessions::MessageStore;
use tiles::{Context, StartError};

use crate::config::ExchangeConfig;
use crate::fix::{Desks, FixRole};
use crate::matching::{Capacity, Matching};
use crate::sequencer::Outputs;

/// Where a journal goes on, segment and sequence, and whether a tail of it is cut.
pub(crate) type Next = ((u64, u64), bool);

/// The core and what it says.
pub(crate) struct Fold {
    pub core: Matching,
    pub outputs: Outputs,
    /// Time of the first record; 0: there was none.
    pub first_ns: u64,
    pub last: Stamp,
}

/// What two processes compare that fold the same input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The input's last record.
    pub sequence: u64,
    /// Of the core's state and events.
    pub hash: u64,
    /// Messages of the feed.
    pub feed: u64,
    /// Messages made for each session, ever, in the order of the configuration: ports, then those over FIX that are told reports.
    pub said: Vec<u64>,
}

impl Fold {
    /// Takes all memory.
    pub fn new(config: &ExchangeConfig, desks: Desks) -> Self {
        let (sessions, instruments) = config.largest();
        let capacity = Capacity {
            instruments,
            sessions,
            orders: config.orders,
            levels_per_side: config.levels_per_side,
            trades: config.trades,
        };
        let outputs = Outputs::new(config, desks);
        Self { core: Matching::new(capacity), outputs, first_ns: 0, last: Stamp::default() }
    }

    /// Applies a record of the journal.
    ///
    /// # Errors
    /// When it is none of an exchange.
    pub fn apply(&mut self, stamp: Stamp, record: &[u8]) -> Result<(), String> {
        if let Some(listing) = read_from::<ExchangeListing>(record)
            && listing.header.kind() == Some(Kind::ExchangeListing)
        {
            self.outputs.listings.list(&listing);
        }
        self.outputs.desks.before(stamp, record);
        self.core.apply(stamp, record, &mut self.outputs).map_err(|error| format!("{error:?}"))?;
        self.outputs.desks.after();
        if self.last.sequence == 0 {
            self.first_ns = stamp.time_ns;
        }
        self.last = stamp;
        Ok(())
    }

    /// Applies what stands in the journal.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn replay(&mut self, context: &Context, config: &ExchangeConfig) -> Result<Next, StartError> {
        let named = |error: &dyn std::fmt::Display| StartError(format!("tile {}: journal: {error}", config.name));
        let mut reader = match Reader::from_storage(context.storage.as_ref(), config.segment_bytes) {
            Err(JournalError::Empty) => return Ok(((0, 1), false)),
            reader => reader.map_err(|error| named(&error))?,
        };
        while let Some((stamp, record)) = reader.next().map_err(|error| named(&error))? {
            self.apply(stamp, record).map_err(|error| named(&error))?;
        }
        // After the last segment that was written, not after the spare that a writer leaves behind when it dies.
        let summary = reader.summary();
        Ok(((summary.last_segment + 1, self.last.sequence + 1), summary.cut))
    }

    /// What another fold of the same input is compared by.
    pub fn mark(&self, config: &ExchangeConfig) -> Mark {
        Mark::of(&self.core, &self.outputs, self.last.sequence, config)
    }
}

impl Mark {
    /// Of a state behind this record.
    pub fn of(core: &Matching, outputs: &Outputs, sequence: u64, config: &ExchangeConfig) -> Self {
        let answered = config.ports.iter().map(|port| {
            let answers = outputs.answers[port.session as usize].as_ref();
            answers.map_or(0, |answers| answers.store.last())
        });
        let told = config.fix_ports.iter().filter(|port| port.role() != FixRole::MarketData);
        let told = told.map(|port| outputs.desks.reports(port.session).counts().0);
        let said = answered.chain(told).collect();
        Self { sequence, hash: core.state_hash(), feed: outputs.history.last(), said }
    }
}
