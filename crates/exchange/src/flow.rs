//! Recorded or generated flow as a source of commands: what makes a stand-in venue live.
//!
//! Each driver is a session of its own without a socket. What the exchange did to its orders is told back before its next
//! command, so that a recorded cancel asks for no more than is left.
//!
//! Invariant: drivers take turns by the time at which they are due, ties by their order in the configuration; so the same
//! files, seeds and orders of others give the same commands.

use std::collections::VecDeque;
use std::fmt::Write;
use std::path::PathBuf;
use std::rc::Rc;

use book::flow::{AAPL, DriverConfig, DriverCounts, ES, FlowCommand, FlowDriver, FlowFit, FlowRecord, Noise, open};
use records::{
    ExchangeCancel, ExchangeEnter, ExchangeEvent, ExchangeEventKind, OrderType, RECORD_BYTES_MAX, Reason, Side,
    TimeInForce, bytes_of,
};
use tiles::{StartError, Storage, settings};

use crate::tile::CommandSource;

/// File of what became of each driver's records, written at the end, and its size.
pub const FLOW_FILE: (&str, usize) = ("flow.json", 1 << 18);

settings! {
    /// One instrument's flow.
    pub struct FlowConfig {
        /// Session of its orders; one of `inner`.
        pub session: u32, "a whole number from 1 to 4096", |session| (1..=4096).contains(session);
        /// Instrument id of the reference data.
        pub instrument: u32, "a whole number from 1 to 65535", |id| (1..=65_535).contains(id);
        /// Symbol in the file; any, without a file.
        pub symbol: String, "a symbol", |symbol| !symbol.is_empty();
        /// Recorded flow; without it the generator runs from the start.
        pub file: Option<PathBuf> = None, "the path of a file of recorded flow";
        /// Figures with which the generator goes on: `aapl` or `es`.
        pub fit: String, "aapl or es", |fit| ["aapl", "es"].contains(&fit.as_str());
        /// Seed of noise and generator.
        pub seed: u64, "a whole number";
        /// Recorded time runs so fast, in millionths.
        pub speed_ppm: u64 = 1_000_000, "a whole number from 1 to 1000000000", |ppm| (1..=1_000_000_000).contains(ppm);
        /// The whole flow comes so much later.
        pub lag_ns: u64 = 0, "a whole number of ns up to an hour", |ns| *ns <= HOUR_NS;
        /// Adds left out, of a million.
        pub leave_out_ppm: u64 = 0, "a whole number from 0 to 1000000", |ppm| *ppm <= 1_000_000;
        /// Adds moved one tick away from the touch, of a million.
        pub shift_ppm: u64 = 0, "a whole number from 0 to 1000000", |ppm| *ppm <= 1_000_000;
        /// Each record comes up to so much later.
        pub jitter_ns: u64 = 0, "a whole number of ns up to an hour", |ns| *ns <= HOUR_NS;
        /// Orders that may rest at once.
        pub orders_max: usize = 1 << 15, "a whole number from 1 to 16777216", |orders| (1..=1 << 24).contains(orders);
    }
}

const HOUR_NS: u64 = 3_600_000_000_000;

struct Driven {
    config: FlowConfig,
    /// Before the first command: the records; afterwards none.
    records: Vec<FlowRecord>,
    driver: Option<FlowDriver>,
    fit: FlowFit,
}

/// All flow of one exchange.
pub struct FlowSource {
    driven: Vec<Driven>,
    pending: VecDeque<(usize, FlowCommand)>,
    storage: Rc<dyn Storage>,
    now_ns: u64,
}

impl FlowSource {
    /// Reads the files.
    ///
    /// # Errors
    /// Everything that is wrong with any of them, a sentence a line.
    pub fn read(configs: &[FlowConfig], storage: Rc<dyn Storage>) -> Result<Self, StartError> {
        let (mut driven, mut errors) = (Vec::new(), Vec::new());
        for config in configs {
            match drive(config) {
                Ok(one) => driven.push(one),
                Err(wrong) => errors.extend(wrong),
            }
        }
        if errors.is_empty() {
            Ok(Self { driven, pending: VecDeque::with_capacity(16), storage, now_ns: 0 })
        } else {
            Err(StartError(errors.join("\n")))
        }
    }

    /// The driver that is due first, if one is due.
    fn due(&mut self, now_ns: u64) -> Option<usize> {
        let mut first = None;
        for (index, driven) in self.driven.iter_mut().enumerate() {
            let driver = driven.driver.get_or_insert_with(|| {
                FlowDriver::new(std::mem::take(&mut driven.records), driver_config(&driven.config, &driven.fit), now_ns)
            });
            if driver.due_ns() <= now_ns && first.is_none_or(|(due_ns, _)| driver.due_ns() < due_ns) {
                first = Some((driver.due_ns(), index));
            }
        }
        first.map(|(_, index)| index)
    }

    fn told(&mut self, session: u32, tell: impl FnOnce(&mut FlowDriver)) {
        let found = self.driven.iter_mut().find(|driven| driven.config.session == session);
        if let Some(driver) = found.and_then(|driven| driven.driver.as_mut()) {
            tell(driver);
        }
    }

    fn report(&self) -> String {
        let one = |driven: &Driven| {
            let counts = driven.driver.as_ref().map(|driver| driver.counts().clone()).unwrap_or_default();
            let real_ns = driven.driver.as_ref().map_or(0, |driver| driver.real_ns(self.now_ns));
            let left = driven.driver.as_ref().map_or(driven.records.len(), FlowDriver::records_left);
            describe(&driven.config, &counts, real_ns, left)
        };
        format!("[{}]", self.driven.iter().map(one).collect::<Vec<_>>().join(",\n "))
    }
}

impl CommandSource for FlowSource {
    fn next(&mut self, now_ns: u64, out: &mut [u8; RECORD_BYTES_MAX]) -> Option<usize> {
        self.now_ns = now_ns;
        while self.pending.is_empty() {
            let index = self.due(now_ns)?;
            let pending = &mut self.pending;
            if let Some(driver) = self.driven[index].driver.as_mut() {
                driver.poll(now_ns, 1, &mut |command| pending.push_back((index, command)));
            }
        }
        let (index, command) = self.pending.pop_front()?;
        Some(write_command(&self.driven[index].config, command, out))
    }

    fn heard(&mut self, event: &ExchangeEvent) {
        match ExchangeEventKind::from_code(event.event) {
            Some(ExchangeEventKind::Executed) => {
                self.told(event.header.source, |driver| driver.on_filled(event.user_ref, event.lots));
                self.told(event.other_source, |driver| driver.on_filled(event.other_user_ref, event.lots));
            }
            // What a driver itself cancels it has taken off its mirror already.
            Some(ExchangeEventKind::Canceled) if event.leaves_lots == 0 => {
                self.told(event.header.source, |driver| driver.on_closed(event.user_ref));
            }
            Some(ExchangeEventKind::Rejected) => {
                self.told(event.header.source, |driver| driver.on_closed(event.user_ref));
            }
            _ => {}
        }
    }

    fn on_close(&mut self) {
        let text = self.report();
        match self.storage.open(FLOW_FILE.0, FLOW_FILE.1) {
            Ok(mut segment) => {
                // Blanks after the text: readers of JSON pass over them.
                let bytes = segment.bytes_mut();
                bytes.fill(b' ');
                let length = text.len().min(bytes.len());
                bytes[..length].copy_from_slice(&text.as_bytes()[..length]);
            }
            // tidy: allow(print): the tile has ended; there is nobody left to count for.
            Err(error) => eprintln!("flow: {}: {error}", FLOW_FILE.0),
        }
    }
}

/// What is wrong with the files of recorded flow, each read whole.
pub(crate) fn problems(configs: &[FlowConfig]) -> Vec<String> {
    configs.iter().filter(|config| config.file.is_some()).filter_map(|config| drive(config).err()).flatten().collect()
}

fn drive(config: &FlowConfig) -> Result<Driven, Vec<String>> {
    let text = match config.fit.as_str() {
        "aapl" => AAPL,
        "es" => ES,
        other => return Err(vec![format!("flow.{}.fit = {other:?}: allowed are aapl, es", config.symbol)]),
    };
    let fit = FlowFit::parse(text)?;
    let records = match &config.file {
        None => Vec::new(),
        Some(path) => {
            let opened = open(std::slice::from_ref(path)).map_err(|errors| vec![errors.to_string()])?;
            let mut records = Vec::new();
            for file in &opened.files {
                let Some(symbol) = file.symbols.iter().find(|symbol| symbol.name == config.symbol) else { continue };
                records.extend(file.records().filter(|record| record.header().instrument == symbol.instrument));
            }
            if records.is_empty() {
                return Err(vec![format!("flow.{}.file = {}: holds no such symbol", config.symbol, path.display())]);
            }
            records
        }
    };
    Ok(Driven { config: config.clone(), records, driver: None, fit })
}

fn driver_config(config: &FlowConfig, fit: &FlowFit) -> DriverConfig {
    DriverConfig {
        seed: config.seed,
        speed_ppm: config.speed_ppm,
        lag_ns: config.lag_ns,
        noise: Noise { leave_out_ppm: config.leave_out_ppm, shift_ppm: config.shift_ppm, jitter_ns: config.jitter_ns },
        fit: fit.clone(),
        orders_max: config.orders_max,
        goes_on: true,
    }
}

fn write_command(config: &FlowConfig, command: FlowCommand, out: &mut [u8; RECORD_BYTES_MAX]) -> usize {
    let enter = |flow_ref: u64, side: Side, price_nanos: i64, lots: i64, time_in_force: TimeInForce| {
        let mut record = ExchangeEnter::new();
        (record.header.source, record.header.instrument) = (config.session, config.instrument);
        (record.user_ref, record.price_nanos, record.lots) = (flow_ref, price_nanos, lots);
        (record.side, record.order_type) = (side.code(), OrderType::Limit.code());
        record.time_in_force = time_in_force.code();
        record
    };
    let mut copy = |bytes: &[u8]| {
        out[..bytes.len()].copy_from_slice(bytes);
        bytes.len()
    };
    match command {
        FlowCommand::Enter { flow_ref, side, price_nanos, lots } => {
            copy(bytes_of(&enter(flow_ref, side, price_nanos, lots, TimeInForce::Day)))
        }
        FlowCommand::Ioc { flow_ref, side, price_nanos, lots } => {
            copy(bytes_of(&enter(flow_ref, side, price_nanos, lots, TimeInForce::ImmediateOrCancel)))
        }
        FlowCommand::Cancel { flow_ref, lots } => {
            let mut record = ExchangeCancel::new();
            (record.header.source, record.header.instrument) = (config.session, config.instrument);
            (record.user_ref, record.lots) = (flow_ref, lots);
            record.relative = u8::from(lots > 0);
            record.reason = Reason::UserRequested.code();
            copy(bytes_of(&record))
        }
    }
}

/// One driver's line of the report, JSON.
fn describe(config: &FlowConfig, counts: &DriverCounts, real_ns: u64, left: usize) -> String {
    let mut line = String::new();
    let file = config.file.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
    // Writing to a String cannot fail.
    let _ = write!(
        line,
        "{{\"file\": {file:?}, \"symbol\": {:?}, \"instrument\": {}, \"real_ns\": {real_ns}, \"setup\": {}, \"replayed\": {}, \
         \"left\": {left}, \"generated\": {}, \"dropped_lots\": {}, \"skipped\": {:?}, \"dropped\": {:?}}}",
        config.symbol,
        config.instrument,
        counts.setup,
        counts.replayed,
        counts.generated,
        counts.dropped_lots,
        counts.skipped,
        counts.dropped
    );
    line
}
