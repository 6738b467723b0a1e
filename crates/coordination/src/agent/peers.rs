//! Positions between regions: what this region tells, and what it knows of the others.
//!
//! Invariant: a row carries the region's whole position, never a difference, so that datagrams may come late, twice or in any
//! order. A view is told as stale from the first missing datagram until a whole snapshot that is newer; a datagram of an
//! earlier start of its agent changes nothing. Who sent a datagram is proved outside (a keyed hash); here any bytes are safe.

use std::collections::BTreeMap;

use super::{Action, Agent};

/// What fits a datagram on any path.
pub const DATAGRAM_BYTES_MAX: usize = 1_200;
const MAGIC: &[u8; 4] = b"MPOS";
const VERSION: u8 = 1;
const HEAD_BYTES: usize = 8;
const NUMBERS_BYTES: usize = 4 * 8 + 3 * 2;
const NAME_BYTES_MAX: usize = 64;
/// So often a region says that nothing has changed.
const QUIET_NS: u64 = 100_000_000;
const SNAPSHOT_NS: u64 = 1_000_000_000;
/// Between two requests to the same region.
const ASK_NS: u64 = 200_000_000;
const FLAG_UNSURE: u8 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Delta = 1,
    Snapshot = 2,
    /// Its first row's account is the region that is asked for a snapshot.
    Ask = 3,
}

/// Names of account and instrument, and lots.
type Row = ((String, String), i64);

/// By names of account and instrument.
pub(crate) type Rows = BTreeMap<(String, String), i64>;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Datagram {
    what: u8,
    flags: u8,
    region: String,
    start: u64,
    sequence: u64,
    watermark: u64,
    time_ns: u64,
    part: u16,
    parts: u16,
    rows: Vec<Row>,
}

/// What this region has told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outgoing {
    sequence: u64,
    told: Rows,
    told_whole: bool,
    told_ns: u64,
    snapshot_ns: u64,
    wanted: bool,
    pub bad: u64,
    pub strangers: u64,
}

/// What is known of another region.
#[derive(Clone, Debug, Default)]
pub(crate) struct PeerView {
    pub start: u64,
    pub sequence: u64,
    pub stale: bool,
    pub unsure: bool,
    pub watermark: u64,
    pub time_ns: u64,
    pub heard_ns: u64,
    pub rows: BTreeMap<(String, String), (i64, u64)>,
    pub gaps: u64,
    pub repeated: u64,
    /// Sequence that followed the last gap: a snapshot from there on is whole.
    gap_before: u64,
    /// Where the last whole snapshot began: what is older is in it, also where it has no row.
    whole_from: u64,
    first: u64,
    collected: BTreeMap<u16, Vec<Row>>,
    asked_ns: Option<u64>,
    /// What the engine was told of it.
    pub given: super::others::Given,
}

fn put_name(bytes: &mut Vec<u8>, name: &str) {
    let name = &name.as_bytes()[..name.len().min(NAME_BYTES_MAX)];
    bytes.push(name.len() as u8);
    bytes.extend_from_slice(name);
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    fn word(&mut self) -> Option<u64> {
        self.bytes().map(u64::from_le_bytes)
    }

    fn short(&mut self) -> Option<u16> {
        self.bytes().map(u16::from_le_bytes)
    }

    fn name(&mut self, length: u8) -> Option<String> {
        let length = usize::from(length);
        let (name, rest) = self.0.split_at_checked(length).filter(|_| length <= NAME_BYTES_MAX)?;
        self.0 = rest;
        String::from_utf8(name.to_vec()).ok()
    }
}

impl Datagram {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(DATAGRAM_BYTES_MAX);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&[VERSION, self.what, self.flags]);
        put_name(&mut bytes, &self.region);
        for word in [self.start, self.sequence, self.watermark, self.time_ns] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        for short in [self.part, self.parts, self.rows.len() as u16] {
            bytes.extend_from_slice(&short.to_le_bytes());
        }
        for ((account, instrument), lots) in &self.rows {
            put_name(&mut bytes, account);
            put_name(&mut bytes, instrument);
            bytes.extend_from_slice(&lots.to_le_bytes());
        }
        bytes
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let [a, b, c, d, version, what, flags, length] = reader.bytes::<HEAD_BYTES>()?;
        if [a, b, c, d] != *MAGIC || version != VERSION || !(1..=3).contains(&what) {
            return None;
        }
        let region = reader.name(length)?;
        let (start, sequence, watermark, time_ns) = (reader.word()?, reader.word()?, reader.word()?, reader.word()?);
        let (part, parts, count) = (reader.short()?, reader.short()?, reader.short()?);
        let mut rows = Vec::new();
        for _ in 0..count {
            let [length] = reader.bytes()?;
            let account = reader.name(length)?;
            let [length] = reader.bytes()?;
            let instrument = reader.name(length)?;
            rows.push(((account, instrument), i64::from_le_bytes(reader.bytes()?)));
        }
        let whole = reader.0.is_empty() && part < parts && sequence > u64::from(part);
        whole.then_some(Self { what, flags, region, start, sequence, watermark, time_ns, part, parts, rows })
    }
}

/// The region that a datagram says it is from.
pub fn datagram_region(bytes: &[u8]) -> Option<String> {
    Datagram::read(bytes).map(|datagram| datagram.region)
}

impl Agent {
    /// This region's positions by names.
    pub(super) fn own_rows(&self) -> Rows {
        let name = |name: Option<&str>, id: u32| name.map_or_else(|| format!("#{id}"), str::to_owned);
        let rows = self.engine.positions.iter().map(|((account, instrument), row)| {
            let account = name(self.directory.node_name(*account), *account);
            let instrument = name(self.directory.instrument_name(*instrument), *instrument);
            ((account, instrument), row.lots)
        });
        rows.collect()
    }

    /// Tells the other regions what has changed, and regularly everything.
    pub(super) fn tell_peers(&mut self) {
        if self.peers.is_empty() || self.engine.heard_ns.is_none() {
            return;
        }
        let rows = self.own_rows();
        let snapshot = self.outgoing.wanted || self.now_ns >= self.outgoing.snapshot_ns.saturating_add(SNAPSHOT_NS);
        if snapshot {
            self.send_rows(What::Snapshot, rows.iter().map(|(key, lots)| (key.clone(), *lots)).collect());
            self.outgoing.snapshot_ns = self.now_ns;
            self.outgoing.wanted = false;
        } else {
            let told = &self.outgoing.told;
            let mut changed: Vec<Row> = rows
                .iter()
                .filter(|(key, lots)| told.get(*key) != Some(lots))
                .map(|(key, lots)| (key.clone(), *lots))
                .collect();
            // An engine that began anew has no such row any more.
            changed.extend(told.keys().filter(|key| !rows.contains_key(*key)).map(|key| (key.clone(), 0)));
            let quiet = self.now_ns < self.outgoing.told_ns.saturating_add(QUIET_NS);
            if changed.is_empty() && quiet && self.outgoing.told_whole == self.engine.whole {
                return;
            }
            self.send_rows(What::Delta, changed);
        }
        self.outgoing.told = rows;
        self.outgoing.told_whole = self.engine.whole;
        self.outgoing.told_ns = self.now_ns;
    }

    fn send_rows(&mut self, what: What, rows: Vec<Row>) {
        let room = DATAGRAM_BYTES_MAX - HEAD_BYTES - NUMBERS_BYTES - self.region.len();
        let mut parts: Vec<Vec<Row>> = vec![Vec::new()];
        let mut used = 0;
        for row in rows {
            let size = 2 + row.0.0.len().min(NAME_BYTES_MAX) + row.0.1.len().min(NAME_BYTES_MAX) + 8;
            if used + size > room {
                parts.push(Vec::new());
                used = 0;
            }
            used += size;
            parts.last_mut().expect("one part at least").push(row);
        }
        let count = parts.len().min(usize::from(u16::MAX)) as u16;
        for (part, rows) in (0..count).zip(parts) {
            self.outgoing.sequence += 1;
            let datagram = self.datagram(what, part, count, rows);
            self.actions.push_back(Action::ToPeers(datagram.bytes()));
        }
    }

    fn datagram(&self, what: What, part: u16, parts: u16, rows: Vec<Row>) -> Datagram {
        Datagram {
            what: what as u8,
            flags: if self.engine.whole { 0 } else { FLAG_UNSURE },
            region: self.region.clone(),
            start: self.start,
            sequence: self.outgoing.sequence,
            watermark: self.engine.watermark,
            time_ns: self.now_ns,
            part,
            parts,
            rows,
        }
    }

    /// Takes a datagram of another region's agent.
    pub fn on_peer(&mut self, bytes: &[u8]) {
        let Some(datagram) = Datagram::read(bytes) else {
            self.outgoing.bad += 1;
            return;
        };
        let now_ns = self.now_ns;
        let Some(view) = self.peers.get_mut(&datagram.region) else {
            self.outgoing.strangers += 1;
            return;
        };
        if datagram.what == What::Ask as u8 {
            let asked = datagram.rows.first().map(|((region, _), _)| region.as_str());
            self.outgoing.wanted |= asked == Some(self.region.as_str());
            return;
        }
        view.take(&datagram, now_ns);
        let asks = view.stale && view.asked_ns.is_none_or(|asked| now_ns >= asked.saturating_add(ASK_NS));
        if asks {
            view.asked_ns = Some(now_ns);
            let rows = vec![((datagram.region.clone(), String::new()), 0)];
            // An own sequence is not used up: it counts what must not be missed.
            let ask = Datagram { sequence: 1, ..self.datagram(What::Ask, 0, 1, rows) };
            self.actions.push_back(Action::ToPeers(ask.bytes()));
        }
        self.tell_engine_of(&datagram.region);
    }
}

impl PeerView {
    fn take(&mut self, datagram: &Datagram, now_ns: u64) {
        if datagram.start < self.start {
            self.repeated += 1;
            return;
        }
        if datagram.start > self.start {
            // Rows stay until its snapshot: the region still has them as far as anyone knows.
            for row in self.rows.values_mut() {
                row.1 = 0;
            }
            (self.start, self.sequence, self.gap_before) = (datagram.start, 0, datagram.sequence);
            (self.stale, self.first, self.whole_from) = (true, 0, 0);
            self.collected.clear();
        }
        self.heard_ns = now_ns;
        if datagram.sequence > self.sequence {
            if datagram.sequence > self.sequence + 1 && self.sequence > 0 {
                self.gaps += 1;
                self.gap_before = datagram.sequence;
                self.stale = true;
            }
            self.sequence = datagram.sequence;
            self.watermark = datagram.watermark;
            self.time_ns = datagram.time_ns;
            self.unsure = datagram.flags & FLAG_UNSURE != 0;
        } else {
            self.repeated += 1;
        }
        for (key, lots) in datagram.rows.iter().filter(|_| datagram.sequence >= self.whole_from) {
            let known = self.rows.entry(key.clone()).or_insert((0, 0));
            if datagram.sequence > known.1 {
                *known = (*lots, datagram.sequence);
            }
        }
        if datagram.what == What::Snapshot as u8 {
            self.collect(datagram);
        }
    }

    fn collect(&mut self, datagram: &Datagram) {
        let first = datagram.sequence - u64::from(datagram.part);
        if first < self.first {
            return;
        }
        if first > self.first {
            self.first = first;
            self.collected.clear();
        }
        self.collected.insert(datagram.part, datagram.rows.clone());
        if self.collected.len() < usize::from(datagram.parts) {
            return;
        }
        // What a whole snapshot does not have, the region does not have, but for what it has told since.
        self.rows.retain(|_, known| known.1 >= first);
        self.whole_from = first;
        if first >= self.gap_before {
            self.stale = false;
        }
        self.collected.clear();
    }
}
