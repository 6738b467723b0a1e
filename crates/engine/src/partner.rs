//! Two engines of one shard: one leads, the other follows it, input by input, and can take its place.
//!
//! The one that leads sends each input as it stamped it, out of its journal and behind its passes (`leading.rs`). The other journals
//! and folds them, withholds what the fold says, compares hashes, and says how far it has come (`following.rs`).
//!
//! Invariant: a standby's journal is the beginning of its leader's, up to the first input of a newer epoch. One whose state or
//! inputs differ never leads.

use std::path::PathBuf;

use journal::{Follower, JournalError};
use links::Subscription;
use records::{Cede, Header, Kind, Lead, Quarantine, Stamp, read_from};
use tiles::settings;

mod following;
mod leading;

pub(crate) use following::{Following, Unfit};
pub(crate) use leading::{Leading, Standby};

/// How often each of the two says how it stands, ns.
const WORD_NS: u64 = 10_000_000;
/// Words of whoever promotes, heard in one cycle.
const TOLD_A_CYCLE: usize = 16;

/// What whoever promotes has told an engine: to lead, or to make way, with which epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub lead: Option<u16>,
    pub cede: Option<u16>,
}

impl Told {
    /// Hears it; each mark of a call that is not to be made is handed over.
    pub(crate) fn hear(link: &mut dyn Subscription, shard: u16, marked: &mut dyn FnMut(&Quarantine)) -> Self {
        let mut told = Self::default();
        link.poll(TOLD_A_CYCLE, &mut |record| match read_from::<Header>(record).and_then(|header| header.kind()) {
            Some(Kind::Lead) => {
                let lead = read_from::<Lead>(record).filter(|lead| lead.shard == shard);
                told.lead = lead.map(|lead| lead.epoch).max(told.lead);
            }
            Some(Kind::Quarantine) => {
                let mark = read_from::<Quarantine>(record).filter(|mark| mark.shard == shard);
                mark.inspect(|mark| marked(mark));
            }
            Some(Kind::Cede) => {
                let cede = read_from::<Cede>(record).filter(|cede| cede.shard == shard);
                told.cede = cede.map(|cede| cede.epoch).max(told.cede);
            }
            _ => {}
        });
        told
    }
}

settings! {
    /// What stands under `[tiles.NAME.settings.partner]`.
    pub struct PartnerSettings {
        /// The link to the other engine.
        pub to: String, "the name of a link";
        /// The link from it.
        pub from: String, "the name of a link";
        /// The link by which it is told to lead.
        pub lead: String, "the name of a link";
        /// The directory of the other's journal, where it can be read: a standby that is behind finds there what it lacks.
        pub history: Option<PathBuf> = None, "the path of a directory";
        /// A leader that says nothing for so long is taken for dead, and a standby for away.
        pub silence_ns: u64 = 200_000_000, "a whole number of ns from 20000000 to 60000000000",
            |ns| (20_000_000..=60_000_000_000).contains(ns);
    }
}

/// Where a standby finds inputs that its leader no longer sends.
pub trait History {
    /// Hands over records of the leader's journal, among them those behind `sequence`, in order; how many were handed over, 0 when
    /// there is nothing behind the last one now.
    ///
    /// # Errors
    /// When the journal cannot be read.
    fn read(&mut self, sequence: u64, each: &mut dyn FnMut(Stamp, &[u8])) -> Result<usize, JournalError>;
}

/// The directory of a journal on this host.
pub(crate) struct Folder {
    directory: PathBuf,
    follower: Option<Follower>,
}

impl Folder {
    pub(crate) fn new(directory: PathBuf) -> Self {
        Self { directory, follower: None }
    }
}

impl History for Folder {
    fn read(&mut self, sequence: u64, each: &mut dyn FnMut(Stamp, &[u8])) -> Result<usize, JournalError> {
        if self.follower.is_none() {
            self.follower = Follower::open_after(&self.directory, sequence)?;
        }
        let Some(follower) = &mut self.follower else { return Ok(0) };
        let read = follower.poll(each);
        if read.is_err() {
            self.follower = None;
        }
        read
    }
}
