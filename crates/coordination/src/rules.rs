//! What the store says besides limits, parts and kills: who may trade what, the restricted list, this engine's epoch, the
//! reference data in force. Each is one record for the engine.
//!
//! Invariant: as in [`crate::values`]: what comes out of here can be made into a record as it stands.

use records::{Applied, EpochSet, Kind, Permission, ReferenceSet, Restricted, bytes_of};
use serde::Deserialize;

use crate::keys::{Key, quoted};
use crate::values::{self, Directory, Selector, Version};

/// One value, as the record that an engine takes, without version.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// Who may trade what at a node.
    Permission(Permission),
    /// What new orders in an instrument may do.
    Restricted(Restricted),
    /// The epoch of this engine's holder.
    Epoch(EpochSet),
    /// The reference data in force.
    Reference(ReferenceSet),
}

#[derive(Deserialize)]
struct PermissionValue {
    node: String,
    #[serde(default)]
    selector: Selector,
    allow: bool,
    #[serde(default)]
    removed: bool,
}

#[derive(Deserialize)]
struct RestrictedValue {
    instrument: String,
    new_orders: String,
}

impl Rule {
    /// The rule under a key; `None` for keys of other things.
    ///
    /// # Errors
    /// A sentence that names the field.
    pub fn read(key: &Key, bytes: &[u8], directory: &Directory) -> Option<Result<Self, String>> {
        match key {
            Key::Permission(place) => Some(permission(place, bytes, directory).map(Self::Permission)),
            Key::Restricted(instrument) => Some(restricted(instrument, bytes, directory).map(Self::Restricted)),
            Key::Epoch(_) => Some(values::epoch(bytes).map(|epoch| {
                let mut record = EpochSet::new();
                record.epoch = u16::try_from(epoch).unwrap_or(u16::MAX);
                Self::Epoch(record)
            })),
            Key::Reference => Some(values::reference(bytes).map(|hash| {
                let mut record = ReferenceSet::new();
                for (byte, digits) in record.hash.iter_mut().zip(hash.as_bytes().chunks(2)) {
                    let digits = std::str::from_utf8(digits).unwrap_or("");
                    *byte = u8::from_str_radix(digits, 16).unwrap_or(0);
                }
                Self::Reference(record)
            })),
            _ => None,
        }
    }

    /// The epoch, where it is one.
    pub fn epoch(&self) -> Option<u16> {
        if let Self::Epoch(record) = self { Some(record.epoch) } else { None }
    }

    /// The record with its version.
    pub fn record(&self, version: Version) -> Vec<u8> {
        match *self {
            Self::Permission(mut record) => {
                (record.generation, record.revision) = version;
                bytes_of(&record).to_vec()
            }
            Self::Restricted(mut record) => {
                (record.generation, record.revision) = version;
                bytes_of(&record).to_vec()
            }
            Self::Epoch(mut record) => {
                (record.generation, record.revision) = version;
                bytes_of(&record).to_vec()
            }
            Self::Reference(mut record) => {
                (record.generation, record.revision) = version;
                bytes_of(&record).to_vec()
            }
        }
    }

    /// Whether an engine's answer is about this, whatever its version.
    pub fn is_answered_by(&self, applied: &Applied) -> bool {
        let named = |kind: Kind, subject: u32| (applied.control, applied.subject) == (kind as u16, subject);
        match self {
            Self::Permission(record) => {
                let (header, own) = (&applied.header, &record.header);
                named(Kind::Permission, record.node) && (header.venue, header.instrument) == (own.venue, own.instrument)
            }
            Self::Restricted(record) => named(Kind::Restricted, record.header.instrument),
            Self::Epoch(record) => named(Kind::EpochSet, u32::from(record.epoch)),
            Self::Reference(_) => named(Kind::ReferenceSet, 0),
        }
    }
}

fn permission(place: &str, bytes: &[u8], directory: &Directory) -> Result<Permission, String> {
    let value: PermissionValue = values::json(bytes)?;
    let selector = value.selector.resolve(directory)?;
    let mut record = Permission::new();
    record.node = values::node_id(&value.node, directory)?;
    (record.selector, record.selected) = (selector.kind, selector.selected);
    (record.venue, record.trader) = (selector.venue, selector.trader);
    // The answer repeats these, and so names one of several permissions of a node.
    (record.header.venue, record.header.instrument) = (selector.venue, selector.selected);
    (record.allow, record.removed) = (u8::from(value.allow), u8::from(value.removed));
    let named = format!("{}/{}", quoted(&value.node), value.selector.name());
    if named == place { Ok(record) } else { Err(format!("node and selector: must be the key's, {place}")) }
}

fn restricted(instrument: &str, bytes: &[u8], directory: &Directory) -> Result<Restricted, String> {
    let value: RestrictedValue = values::json(bytes)?;
    if value.instrument != instrument {
        return Err(format!("instrument = {}: must be the key's, {instrument}", value.instrument));
    }
    let unknown = || format!("instrument = {instrument}: no instrument here has this name");
    let mut record = Restricted::new();
    record.header.instrument = *directory.instruments.get(instrument).ok_or_else(unknown)?;
    record.new_orders = values::new_orders_code(&value.new_orders)?;
    Ok(record)
}
