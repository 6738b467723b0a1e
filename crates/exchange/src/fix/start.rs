//! What FIX sessions find at the start: what they sent, how far they were told, and what the journal makes for them.
//!
//! Invariant: what was said is known before the journal is replayed, so that the replay makes what is still to be said and
//! nothing else (who follows another process knows it when it takes its place); files that are not of one another are refused.

use std::rc::Rc;

use sessions::fix::{DictionaryRules, JournalStore, Numbers, Rules, Store, StoreFailed, Stored};
use tiles::{Context, StartError};
use wire::fix::Validation;

use super::config::FixRole;
use super::desk::Desks;
use super::report::Reports;
use super::said::Said;
use crate::config::ExchangeConfig;

/// Form is checked by the version's dictionary; values and tags that it does not know are the application's to judge: venues
/// before FIX 5.0 take ExecInst `o`, and before FIX 4.3 a username, all the same.
const VALIDATION: Validation = Validation { user_defined: false, unknown: false, values: false, ..Validation::FULL };

/// A session's files, opened, and its version's rules.
pub(crate) struct Kept {
    pub store: Box<dyn Store>,
    /// Of a session that is told reports.
    pub said: Option<Said>,
    pub rules: Rc<dyn Rules>,
}

/// A store of numbers: market data that was missed is old, and asked for anew.
struct NumbersAlone(JournalStore);

impl Store for NumbersAlone {
    fn numbers(&self) -> Numbers {
        self.0.numbers()
    }

    fn append(&mut self, sequence: u64, _: u64, _: &[u8]) -> Result<(), StoreFailed> {
        self.0.set_outgoing(sequence + 1);
        Ok(())
    }

    fn set_incoming(&mut self, next: u64) {
        self.0.set_incoming(next);
    }

    fn set_outgoing(&mut self, next: u64) {
        self.0.set_outgoing(next);
    }

    fn read(&mut self, _: u64) -> Stored<'_> {
        Stored::Missing
    }

    fn reset(&mut self, now_ns: u64) -> Result<(), StoreFailed> {
        self.0.reset(now_ns)
    }
}

impl Desks {
    /// Takes all memory. `follows`: another process says the reports until its place is taken.
    pub fn of(config: &ExchangeConfig, follows: bool) -> Self {
        let (sessions, _) = config.largest();
        let mut desks = Self::new(sessions);
        for port in config.fix_ports.iter().filter(|port| port.role() != FixRole::MarketData) {
            desks.listen(port.session, Reports::new(port.reports_waiting_max, follows));
            if port.role() == FixRole::Orders {
                desks.add(port.session, port.orders_max);
            }
        }
        for port in &config.fix_ports {
            port.copies.iter().for_each(|from| desks.copy(port.session, *from));
        }
        desks
    }

    /// Opens the sessions' files, in the order of the configuration: what was said is known from here on.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub fn open(&mut self, config: &ExchangeConfig, context: &Context, now_ns: u64) -> Result<Vec<Kept>, StartError> {
        let mut kept: Vec<Kept> = Vec::with_capacity(config.fix_ports.len());
        let mut known: Vec<(wire::fix::Version, Rc<dyn Rules>)> = Vec::new();
        for port in &config.fix_ports {
            let version = port.dialect().version();
            if known.iter().all(|(other, _)| *other != version) {
                let rules = DictionaryRules::new(Rc::new(version.dictionary()), VALIDATION);
                known.push((version, Rc::new(rules)));
            }
            let rules = known.iter().find(|(other, _)| *other == version).expect("made above").1.clone();
            let named =
                |error: String| StartError(format!("tile {}: fix_ports.{}: {error}", config.name, port.session));
            let name = format!("fix{:04}", port.session);
            let store = JournalStore::open(Rc::clone(&context.storage), &name, port.store_size(), now_ns);
            let store = store.map_err(|error| named(error.0))?;
            if port.role() == FixRole::MarketData {
                kept.push(Kept { store: Box::new(NumbersAlone(store)), said: None, rules });
                continue;
            }
            // A store takes every file that begins with its own name for its own.
            let name = format!("fix-said{:04}", port.session);
            let mut said = Said::open(&*context.storage, &name).map_err(named)?;
            self.reports_mut(port.session).settle(said.settle(store.numbers()));
            kept.push(Kept { store: Box::new(store), said: Some(said), rules });
        }
        Ok(kept)
    }

    /// After the replay: whether what was said is of this journal.
    ///
    /// # Errors
    /// When a session was told more than the journal makes.
    pub fn settle(&self, config: &ExchangeConfig) -> Result<(), StartError> {
        for port in config.fix_ports.iter().filter(|port| port.role() != FixRole::MarketData) {
            let reports = self.reports(port.session);
            if reports.is_ahead_of_input() {
                let (made, said) = reports.counts();
                let (name, session) = (&config.name, port.session);
                let text = format!("was told {said} reports and the exchange's journal makes {made}");
                return Err(StartError(format!(
                    "tile {name}: fix_ports.{session}: {text}: its files are of another journal"
                )));
            }
        }
        Ok(())
    }
}
