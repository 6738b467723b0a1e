//! What goes to the store and comes back, in our own words.
//!
//! Invariant: an answer carries the revision and the cluster that it is true of.

use etcd_client as wire;

/// The servers that are taken: older ones lose or skip entries after a crash (3.5.0 to 3.5.2), or grow zombie members on
/// upgrade (before 3.5.26).
pub const VERSION_MIN: &str = "3.5.26 on the 3.5 line, or 3.6 and newer";

/// Whether a server of this version is safe to use.
#[must_use]
pub fn version_is_safe(version: &str) -> bool {
    let mut parts = version.split(['.', '-', '+']).map(|part| part.parse::<u32>().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    (next(), next(), next()) >= (3, 5, 26)
}

/// Which store answered, and how far it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Header {
    /// The store.
    pub cluster_id: u64,
    /// The member.
    pub member_id: u64,
    /// The store's revision when it answered.
    pub revision: i64,
}

impl From<Option<&wire::ResponseHeader>> for Header {
    fn from(header: Option<&wire::ResponseHeader>) -> Self {
        header.map_or_else(Self::default, |header| Self {
            cluster_id: header.cluster_id(),
            member_id: header.member_id(),
            revision: header.revision(),
        })
    }
}

/// A key with its value and history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyValue {
    /// Key.
    pub key: Vec<u8>,
    /// Value.
    pub value: Vec<u8>,
    /// Revision at which the key came to be.
    pub create_revision: i64,
    /// Revision of its last change.
    pub mod_revision: i64,
    /// Changes since it came to be.
    pub version: i64,
    /// The lease it goes with; 0 for none.
    pub lease: i64,
}

impl From<&wire::KeyValue> for KeyValue {
    fn from(from: &wire::KeyValue) -> Self {
        Self {
            key: from.key().to_vec(),
            value: from.value().to_vec(),
            create_revision: from.create_revision(),
            mod_revision: from.mod_revision(),
            version: from.version(),
            lease: from.lease(),
        }
    }
}

/// Which keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keys {
    /// This one.
    One(Vec<u8>),
    /// All that begin so.
    Prefix(Vec<u8>),
}

impl Keys {
    pub(crate) fn first(&self) -> &[u8] {
        match self {
            Self::One(key) | Self::Prefix(key) => key,
        }
    }
}

/// What is compared before a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Changes since the key came to be; 0: the key is not there.
    Version(i64),
    /// Revision at which the key came to be; 0: the key is not there.
    CreateRevision(i64),
    /// Revision of its last change.
    ModRevision(i64),
    /// The lease it goes with.
    Lease(i64),
    /// Its value.
    Value(Vec<u8>),
}

/// How it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Equal.
    Equal,
    /// The key's is greater.
    Greater,
    /// The key's is less.
    Less,
    /// Not equal.
    NotEqual,
}

/// One condition of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compare {
    /// Key.
    pub key: Vec<u8>,
    /// How.
    pub order: Order,
    /// With what.
    pub target: Target,
}

impl From<Compare> for wire::Compare {
    fn from(compare: Compare) -> Self {
        let order = match compare.order {
            Order::Equal => wire::CompareOp::Equal,
            Order::Greater => wire::CompareOp::Greater,
            Order::Less => wire::CompareOp::Less,
            Order::NotEqual => wire::CompareOp::NotEqual,
        };
        match compare.target {
            Target::Version(value) => Self::version(compare.key, order, value),
            Target::CreateRevision(value) => Self::create_revision(compare.key, order, value),
            Target::ModRevision(value) => Self::mod_revision(compare.key, order, value),
            Target::Lease(value) => Self::lease(compare.key, order, value),
            Target::Value(value) => Self::value(compare.key, order, value),
        }
    }
}

/// One step of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Sets a key; it goes with the lease where that is not 0.
    Put {
        /// Key.
        key: Vec<u8>,
        /// Value.
        value: Vec<u8>,
        /// Lease or 0.
        lease: i64,
    },
    /// Reads.
    Get(Keys),
    /// Deletes.
    Delete(Keys),
}

impl From<Step> for wire::TxnOp {
    fn from(step: Step) -> Self {
        match step {
            Step::Put { key, value, lease } => Self::put(key, value, Some(wire::PutOptions::new().with_lease(lease))),
            Step::Get(keys) => Self::get(keys.first().to_vec(), Some(get_options(&keys))),
            Step::Delete(keys) => Self::delete(keys.first().to_vec(), Some(delete_options(&keys))),
        }
    }
}

pub(crate) fn get_options(keys: &Keys) -> wire::GetOptions {
    match keys {
        Keys::One(_) => wire::GetOptions::new(),
        Keys::Prefix(prefix) if prefix.is_empty() => wire::GetOptions::new().with_all_keys(),
        Keys::Prefix(_) => wire::GetOptions::new().with_prefix(),
    }
}

pub(crate) fn delete_options(keys: &Keys) -> wire::DeleteOptions {
    match keys {
        Keys::One(_) => wire::DeleteOptions::new(),
        Keys::Prefix(prefix) if prefix.is_empty() => wire::DeleteOptions::new().with_all_keys(),
        Keys::Prefix(_) => wire::DeleteOptions::new().with_prefix(),
    }
}

/// The answer to one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The key is set.
    Put,
    /// What was read.
    Get(Vec<KeyValue>),
    /// How many keys are gone.
    Deleted(i64),
}

/// A transaction: every condition holds and `success` is done at one revision, or `failure` is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Transaction {
    /// Conditions; all must hold.
    pub compare: Vec<Compare>,
    /// Steps where they do.
    pub success: Vec<Step>,
    /// Steps where they do not.
    pub failure: Vec<Step>,
}

impl From<Transaction> for wire::Txn {
    fn from(from: Transaction) -> Self {
        let into = |steps: Vec<Step>| steps.into_iter().map(wire::TxnOp::from).collect::<Vec<_>>();
        let compare: Vec<wire::Compare> = from.compare.into_iter().map(Into::into).collect();
        Self::new().when(compare).and_then(into(from.success)).or_else(into(from.failure))
    }
}

/// What a transaction did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transacted {
    /// Store and revision.
    pub header: Header,
    /// Whether every condition held.
    pub succeeded: bool,
    /// One a step.
    pub outcomes: Vec<Outcome>,
}

/// A member as it says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberStatus {
    /// Where it was asked.
    pub endpoint: String,
    /// Why there is no more; empty when it answered.
    pub error: String,
    /// Version of the server.
    pub version: String,
    /// Store, member, revision.
    pub header: Header,
    /// The member that leads; 0: none.
    pub leader_id: u64,
    /// Term of the leader.
    pub raft_term: u64,
    /// Bytes of its file.
    pub database_bytes: i64,
    /// Whether it only learns and has no vote.
    pub is_learner: bool,
    /// Alarms and the like.
    pub alarms: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::version_is_safe;

    #[test]
    fn versions_with_known_losses_are_refused() {
        for (version, safe) in [
            ("3.4.23", false),
            ("3.5.0", false),
            ("3.5.25", false),
            ("3.5.26", true),
            ("3.6.0", true),
            ("3.7.3", true),
            ("4.0.0-rc.1", true),
            ("", false),
            ("nonsense", false),
        ] {
            assert_eq!(version_is_safe(version), safe, "{version}");
        }
    }
}
