//! What lies in the store, read and checked: the one place that decides whether a value may be used.
//!
//! Invariant: a value that comes out of here can be made into a record as it stands. Everything else is refused with a
//! sentence that names the field, what was there and what is allowed. Fields of another release are left alone.
//!
//! Amounts are texts in the metric's unit: whole lots, orders and counts, money with at most nine decimals, percentages with
//! at most four.

use std::collections::BTreeMap;

use records::{Allocation, Kill, KillNew, KillResting, LimitSet, Metric, MoneyNanos, NodeLevel, SelectorKind};
use serde::{Deserialize, Serialize};

use crate::keys::quoted;

/// (generation, revision): what is newer has the larger pair.
pub type Version = (u64, u64);

/// Version of every value's format.
const FORMAT: u64 = 1;

/// A node of the limit tree, as engines know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeNode {
    /// Its id.
    pub id: u32,
    /// Its stable name.
    pub name: String,
    /// The level's name in lower case.
    pub level: String,
    /// Its parent's name.
    #[serde(default)]
    pub parent: Option<String>,
}

/// Stable names and the ids that they have in this region: the limit tree and the reference data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Directory {
    /// By name.
    pub nodes: BTreeMap<String, TreeNode>,
    /// Instruments by name.
    pub instruments: BTreeMap<String, u32>,
    /// Underlyings by name.
    #[serde(default)]
    pub underlyings: BTreeMap<String, u32>,
    /// Sectors by name.
    #[serde(default)]
    pub sectors: BTreeMap<String, u32>,
    /// Venues by name.
    #[serde(default)]
    pub venues: BTreeMap<String, u16>,
    /// Hash of the reference data.
    #[serde(default)]
    pub reference: String,
}

impl Directory {
    /// The node that has this id.
    pub fn node_name(&self, id: u32) -> Option<&str> {
        self.nodes.values().find(|node| node.id == id).map(|node| node.name.as_str())
    }

    /// The instrument that has this id.
    pub fn instrument_name(&self, id: u32) -> Option<&str> {
        self.instruments.iter().find(|(_, known)| **known == id).map(|(name, _)| name.as_str())
    }
}

/// What a limit or kill selects; absent means all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selector {
    /// An instrument's name.
    #[serde(default)]
    pub instrument: Option<String>,
    /// An underlying's name.
    #[serde(default)]
    pub underlying: Option<String>,
    /// A sector's name.
    #[serde(default)]
    pub sector: Option<String>,
    /// A venue's name.
    #[serde(default)]
    pub venue: Option<String>,
    /// A trader's number.
    #[serde(default)]
    pub trader: Option<u32>,
}

impl Selector {
    /// The last word of a kill's key.
    pub fn name(&self) -> String {
        let named = [
            ("instrument", &self.instrument),
            ("underlying", &self.underlying),
            ("sector", &self.sector),
            ("venue", &self.venue),
        ];
        let mut words: Vec<String> = named
            .iter()
            .filter_map(|(name, value)| value.as_ref().map(|value| format!("{name}={}", quoted(value))))
            .collect();
        words.extend(self.trader.map(|trader| format!("trader={trader}")));
        if words.is_empty() { "all".to_owned() } else { words.join(",") }
    }

    pub(crate) fn resolve(&self, directory: &Directory) -> Result<Resolved, String> {
        let find = |what: &str, name: &String, known: &BTreeMap<String, u32>| {
            known.get(name).copied().ok_or_else(|| format!("selector.{what} = {name}: no {what} here has this name"))
        };
        let chosen = [&self.instrument, &self.underlying, &self.sector].into_iter().flatten().count();
        if chosen > 1 {
            return Err("selector: allowed is one of instrument, underlying and sector".to_owned());
        }
        let (kind, selected) = match (&self.instrument, &self.underlying, &self.sector) {
            (Some(name), _, _) => (SelectorKind::Instrument, find("instrument", name, &directory.instruments)?),
            (_, Some(name), _) => (SelectorKind::Underlying, find("underlying", name, &directory.underlyings)?),
            (_, _, Some(name)) => (SelectorKind::Sector, find("sector", name, &directory.sectors)?),
            _ => (SelectorKind::All, 0),
        };
        let venue = match &self.venue {
            None => 0,
            Some(name) => {
                let unknown = || format!("selector.venue = {name}: no venue here has this name");
                *directory.venues.get(name).ok_or_else(unknown)?
            }
        };
        Ok(Resolved { kind: kind.code(), selected, venue, trader: self.trader.unwrap_or(0) })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resolved {
    pub kind: u8,
    pub selected: u32,
    pub venue: u16,
    pub trader: u32,
}

/// A part of a global limit: `upper` for long positions and amounts, `lower` for short positions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartValue {
    /// U, or A.
    pub upper: String,
    /// D.
    pub lower: String,
}

/// Where a change of a global limit leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// The bound to be.
    pub value: String,
    /// The parts to be, by holder.
    pub parts: BTreeMap<String, PartValue>,
}

#[derive(Deserialize)]
struct LimitValue {
    id: u32,
    #[serde(default)]
    version: u64,
    node: String,
    metric: String,
    value: String,
    #[serde(default)]
    selector: Selector,
    #[serde(default)]
    window_ns: Option<u64>,
    #[serde(default)]
    reference_age_ns: Option<u64>,
    #[serde(default)]
    burst: Option<u32>,
    #[serde(default)]
    soft_percent: u8,
    #[serde(default)]
    enforcement: Option<String>,
    #[serde(default)]
    pending: Option<Pending>,
    #[serde(default)]
    removed: bool,
    #[serde(default)]
    by: String,
    #[serde(default)]
    confirmed_by: Option<String>,
}

/// Whether somebody else than who wrote a value confirmed it.
fn is_confirmed(by: &str, second: Option<&String>) -> bool {
    second.is_some_and(|second| !second.is_empty() && second != by)
}

#[derive(Deserialize)]
struct KillValue {
    node: String,
    #[serde(default)]
    selector: Selector,
    new_orders: String,
    resting: String,
    flatten: bool,
    #[serde(default)]
    version: u64,
    #[serde(default)]
    by: String,
    #[serde(default)]
    confirmed_by: Option<String>,
}

/// A limit that can be sent to an engine.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// The record, without version.
    pub record: LimitSet,
    /// Whether each holder has a part of it.
    pub global: bool,
    /// U and D to be, by holder, of a change that is under way.
    pub pending: BTreeMap<String, Part>,
    /// Whether a second person confirmed it: only such a value may let more through than the one before it.
    pub confirmed: bool,
    /// How often it was written.
    pub count: u64,
}

impl Limit {
    /// Decimals of its amounts.
    pub fn decimals(&self) -> u32 {
        Metric::from_code(self.record.metric).map_or(0, decimals)
    }

    /// Whether it lets through anything that the one before it stops, or is a limit of something else.
    pub fn loosens(&self, before: &Self) -> bool {
        let (new, old) = (&self.record, &before.record);
        let same = (new.node, new.selector, new.selected, new.venue, new.trader, new.metric)
            == (old.node, old.selector, old.selected, old.venue, old.trader, old.metric);
        let longer = new.window_ns > old.window_ns;
        let window = match Metric::from_code(new.metric) {
            // How old a reference price may be; how long messages or orders count together.
            Some(Metric::PriceCollar) => longer,
            _ => new.window_ns < old.window_ns,
        };
        !same
            || window
            || new.value.get() > old.value.get()
            || new.burst > old.burst
            || (new.removed == 1 && old.removed == 0)
            || (before.global && !self.global)
    }
}

/// A holder's part in the unit of its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// U, or A.
    pub upper: i128,
    /// D.
    pub lower: i128,
}

impl Part {
    /// The smaller of each side.
    pub fn tighter(self, other: Self) -> Self {
        Self { upper: self.upper.min(other.upper), lower: self.lower.min(other.lower) }
    }

    /// The record of it.
    pub fn record(self, limit: u32, holder: u32, version: Version) -> Allocation {
        let mut record = Allocation::new();
        (record.limit, record.holder) = (limit, holder);
        (record.upper, record.lower) = (MoneyNanos::new(self.upper), MoneyNanos::new(self.lower));
        (record.generation, record.revision) = version;
        record
    }
}

/// Three fields, each from loose to strict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct KillFields {
    /// A [`KillNew`] code.
    pub new_orders: u8,
    /// A [`KillResting`] code.
    pub resting: u8,
    /// Whether positions are to be closed.
    pub flatten: bool,
}

impl KillFields {
    /// Nothing is killed.
    pub const ARMED: Self =
        Self { new_orders: KillNew::Allow.code(), resting: KillResting::Keep.code(), flatten: false };

    /// The strictest of each field.
    pub fn strictest(self, other: Self) -> Self {
        Self {
            new_orders: self.new_orders.max(other.new_orders),
            resting: self.resting.max(other.resting),
            flatten: self.flatten | other.flatten,
        }
    }

    /// Whether no field is looser than `other`'s.
    pub fn covers(self, other: Self) -> bool {
        self.strictest(other) == self
    }

    /// From the words of the store.
    ///
    /// # Errors
    /// A sentence that names the field.
    pub fn read(new_orders: &str, resting: &str, flatten: bool) -> Result<Self, String> {
        let new_orders = new_orders_code(new_orders)?;
        let resting = word_at(&RESTING, resting)
            .ok_or_else(|| format!("resting = {resting}: allowed are {}", RESTING.join(", ")))?;
        Ok(Self { new_orders, resting, flatten })
    }

    /// The words of the store.
    pub fn words(self) -> (&'static str, &'static str, bool) {
        let word = |words: [&'static str; 3], code: u8| words[usize::from(code.clamp(1, 3)) - 1];
        (word(NEW_ORDERS, self.new_orders), word(RESTING, self.resting), self.flatten)
    }
}

const NEW_ORDERS: [&str; 3] = ["allow", "reduce_only", "none"];
pub(crate) fn new_orders_code(word: &str) -> Result<u8, String> {
    word_at(&NEW_ORDERS, word).ok_or_else(|| format!("new_orders = {word}: allowed are {}", NEW_ORDERS.join(", ")))
}

const RESTING: [&str; 3] = ["keep", "cancel_increasing", "cancel"];

fn word_at(words: &[&str; 3], word: &str) -> Option<u8> {
    words.iter().position(|known| *known == word).map(|at| at as u8 + 1)
}

/// Kill fields at a place: a node with a selector.
#[derive(Clone, Debug, PartialEq)]
pub struct KillAt {
    /// `node/selector`, quoted, as in its key.
    pub place: String,
    /// The record without fields and version.
    pub record: Kill,
    /// The fields.
    pub fields: KillFields,
    /// The node's name.
    pub node: String,
    /// What it concerns there.
    pub selector: Selector,
    /// Whether a second person confirmed it: only such a value may stop less than what is in force.
    pub confirmed: bool,
    /// How often it was written.
    pub count: u64,
}

impl KillAt {
    /// The record with these fields and this version.
    pub fn record(&self, fields: KillFields, version: Version) -> Kill {
        let mut record = self.record;
        (record.new_orders, record.resting, record.flatten) =
            (fields.new_orders, fields.resting, u8::from(fields.flatten));
        (record.generation, record.revision) = version;
        record
    }
}

/// The generation's number, and the cluster that it was raised for where that is told.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Generation {
    /// The number.
    pub generation: u64,
    /// The cluster's id in hexadecimal digits.
    #[serde(default)]
    pub cluster: Option<String>,
}

#[derive(Deserialize)]
struct Epoch {
    epoch: u64,
}

#[derive(Deserialize)]
struct Tree {
    nodes: Vec<TreeNode>,
}

#[derive(Deserialize)]
struct ReferenceVersion {
    hash: String,
}

pub(crate) fn json<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|error| format!("it is no JSON: {error}"))?;
    match value.get("v").map(serde_json::Value::as_u64) {
        Some(Some(FORMAT)) => serde_json::from_value(value).map_err(|error| error.to_string()),
        _ => Err(format!("v: must be {FORMAT}")),
    }
}

/// The name of a metric in the store.
pub fn metric_name(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

fn metric(name: &str) -> Result<Metric, String> {
    let found = Metric::ALL.iter().find(|(_, known, _)| metric_name(known) == name);
    found.map(|(metric, _, _)| *metric).ok_or_else(|| format!("metric = {name}: no metric has this name"))
}

/// Decimals of a metric's unit as it stands in the store.
pub fn decimals(metric: Metric) -> u32 {
    match metric {
        Metric::OrderNotional | Metric::GrossExposure | Metric::DailyValue => 9,
        Metric::PriceCollar | Metric::MarketOrder => 4,
        _ => 0,
    }
}

/// An amount with so many decimals as a whole number of its smallest part.
///
/// # Errors
/// When it is no number, has more decimals, or does not fit.
pub fn amount(text: &str, decimals: u32) -> Result<i128, String> {
    let bad = || format!("{text}: must be a number with at most {decimals} decimals");
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, rest) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let point_without_digits = digits.contains('.') && rest.is_empty();
    if whole.is_empty()
        || !all_digits(whole)
        || !all_digits(rest)
        || rest.len() > decimals as usize
        || point_without_digits
    {
        return Err(bad());
    }
    let places = 10_i128.pow(decimals);
    let fraction: i128 = match rest {
        "" => 0,
        rest => rest.parse::<i128>().map_err(|_| bad())? * 10_i128.pow(decimals - rest.len() as u32),
    };
    let value = whole.parse::<i128>().ok().and_then(|whole| whole.checked_mul(places)?.checked_add(fraction));
    value.map(|value| if text.starts_with('-') { -value } else { value }).ok_or_else(bad)
}

/// The text of an amount.
pub fn amount_text(value: i128, decimals: u32) -> String {
    let places = 10_u128.pow(decimals);
    let (sign, size) = (if value < 0 { "-" } else { "" }, value.unsigned_abs());
    if size % places == 0 {
        return format!("{sign}{}", size / places);
    }
    let text = format!("{sign}{}.{:0width$}", size / places, size % places, width = decimals as usize);
    text.trim_end_matches('0').to_owned()
}

/// A limit, checked against the names that are known here.
///
/// # Errors
/// A sentence.
pub fn limit(id: u32, bytes: &[u8], directory: &Directory) -> Result<Limit, String> {
    let value: LimitValue = json(bytes)?;
    if value.id != id || id == 0 {
        return Err(format!("id = {}: must be the key's, {id}", value.id));
    }
    let metric = metric(&value.metric)?;
    let places = decimals(metric);
    let bound = amount(&value.value, places).map_err(|why| format!("value = {why}"))?;
    if bound < 0 || (places != 9 && bound > i128::from(i64::MAX)) {
        return Err(format!("value = {}: must not be below zero or beyond what a record holds", value.value));
    }
    let window_ns = match metric {
        Metric::PriceCollar => value.reference_age_ns,
        _ => value.window_ns,
    };
    let timed =
        matches!(metric, Metric::MessageRate | Metric::CancelRate | Metric::PriceCollar | Metric::DuplicateOrders);
    if timed && window_ns.unwrap_or(0) == 0 {
        return Err(format!("window_ns or reference_age_ns: must be given with {}", value.metric));
    }
    if value.soft_percent > 100 {
        return Err(format!("soft_percent = {}: allowed are 0 to 100", value.soft_percent));
    }
    let global = match value.enforcement.as_deref() {
        None | Some("engine") => false,
        Some("global") => true,
        Some(other) => return Err(format!("enforcement = {other}: allowed are engine, global")),
    };
    let mut record = LimitSet::new();
    let selector = value.selector.resolve(directory)?;
    (record.limit, record.node) = (id, node_id(&value.node, directory)?);
    (record.selector, record.selected) = (selector.kind, selector.selected);
    (record.venue, record.trader) = (selector.venue, selector.trader);
    (record.metric, record.value) = (metric.code(), MoneyNanos::new(bound));
    (record.window_ns, record.burst) = (window_ns.unwrap_or(0), value.burst.unwrap_or(0));
    (record.soft_percent, record.removed) = (value.soft_percent, u8::from(value.removed));
    record.enforcement = u8::from(global);
    let mut pending = BTreeMap::new();
    for (holder, part) in value.pending.map(|pending| pending.parts).unwrap_or_default() {
        let part = read_part(&part, places).map_err(|why| format!("pending.parts.{holder}.{why}"))?;
        pending.insert(holder, part);
    }
    let confirmed = is_confirmed(&value.by, value.confirmed_by.as_ref());
    Ok(Limit { record, global, pending, confirmed, count: value.version })
}

pub(crate) fn node_id(name: &str, directory: &Directory) -> Result<u32, String> {
    let node = directory.nodes.get(name).ok_or_else(|| format!("node = {name}: no node here has this name"))?;
    Ok(node.id)
}

fn read_part(value: &PartValue, places: u32) -> Result<Part, String> {
    let upper = amount(&value.upper, places).map_err(|why| format!("upper = {why}"))?;
    let lower = amount(&value.lower, places).map_err(|why| format!("lower = {why}"))?;
    Ok(Part { upper, lower })
}

/// A part, as its text: the limit's unit is not known here. Read it with [`PartText::read`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartText(PartValue);

impl PartText {
    /// The part in a metric's unit.
    ///
    /// # Errors
    /// A sentence.
    pub fn read(&self, decimals: u32) -> Result<Part, String> {
        read_part(&self.0, decimals)
    }
}

/// A holder's part: a pair of numbers of some unit.
///
/// # Errors
/// A sentence.
pub fn part(bytes: &[u8]) -> Result<PartText, String> {
    let value: PartValue = json(bytes)?;
    // The finest unit takes whatever the others take.
    read_part(&value, 9)?;
    Ok(PartText(value))
}

/// Kill fields, whose place must be the key's.
///
/// # Errors
/// A sentence.
pub fn kill(place: &str, bytes: &[u8], directory: &Directory) -> Result<KillAt, String> {
    let value: KillValue = json(bytes)?;
    let fields = KillFields::read(&value.new_orders, &value.resting, value.flatten)?;
    let mut at = kill_at(&value.node, &value.selector, fields, directory)?;
    at.confirmed = is_confirmed(&value.by, value.confirmed_by.as_ref());
    at.count = value.version;
    if at.place == place { Ok(at) } else { Err(format!("node and selector: must be the key's, {place}")) }
}

/// Kill fields at a node for a selector.
///
/// # Errors
/// A sentence when a name is not known here.
pub fn kill_at(node: &str, selector: &Selector, fields: KillFields, directory: &Directory) -> Result<KillAt, String> {
    let resolved = selector.resolve(directory)?;
    let mut record = Kill::new();
    record.node = node_id(node, directory)?;
    (record.selector, record.selected) = (resolved.kind, resolved.selected);
    (record.venue, record.trader) = (resolved.venue, resolved.trader);
    let place = format!("{}/{}", quoted(node), selector.name());
    Ok(KillAt { place, record, fields, node: node.to_owned(), selector: selector.clone(), confirmed: false, count: 0 })
}

/// The generation's number.
///
/// # Errors
/// A sentence.
pub fn generation(bytes: &[u8]) -> Result<Generation, String> {
    json(bytes)
}

/// A holder's epoch.
///
/// # Errors
/// A sentence.
pub fn epoch(bytes: &[u8]) -> Result<u64, String> {
    let value: Epoch = json(bytes)?;
    let allowed = u64::from(u16::MAX);
    if value.epoch <= allowed { Ok(value.epoch) } else { Err(format!("epoch = {}: at most {allowed}", value.epoch)) }
}

/// The hash of the reference data that is to be used.
///
/// # Errors
/// A sentence.
pub fn reference(bytes: &[u8]) -> Result<String, String> {
    let hash = json::<ReferenceVersion>(bytes)?.hash;
    let is_one = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if is_one { Ok(hash) } else { Err(format!("hash = {hash}: must be 64 hexadecimal digits in lower case")) }
}

/// The limit tree, parents before their children.
///
/// # Errors
/// A sentence.
pub fn tree(bytes: &[u8]) -> Result<Vec<TreeNode>, String> {
    let mut nodes = json::<Tree>(bytes)?.nodes;
    for node in &nodes {
        if level(&node.level).is_none() || node.id == 0 || !node.name.is_ascii() || !(1..=24).contains(&node.name.len())
        {
            return Err(format!("nodes.{}: its name, id or level is none", node.name));
        }
    }
    nodes.sort_by_key(|node| (level(&node.level), node.id));
    Ok(nodes)
}

/// The code of a level's name.
pub fn level(name: &str) -> Option<u8> {
    NodeLevel::ALL.iter().find(|(_, known, _)| metric_name(known) == name).map(|(level, _, _)| level.code())
}

#[cfg(test)]
#[path = "values_tests.rs"]
mod tests;
