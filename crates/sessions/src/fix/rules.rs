//! Dictionaries as a session's rules: the session layer's own, and over FIXT one for each application version that is spoken.
//!
//! Invariant: a message is held against the dictionary of the version that it names (1128), else of the session's default;
//! one that names a version without a dictionary is refused.

use std::collections::BTreeMap;
use std::rc::Rc;

use wire::fix::{DataFields, Dictionary, Message, Validation, reject};

use super::recover::is_own;
use super::session::{Fault, Rules};

/// A session's dictionaries.
pub struct DictionaryRules {
    default: Rc<Dictionary>,
    /// By ApplVerID (1128).
    others: BTreeMap<Vec<u8>, Rc<Dictionary>>,
    validation: Validation,
}

impl DictionaryRules {
    /// Rules by one dictionary: FIX 4.0 to 4.4, or the transport with its default application.
    pub fn new(dictionary: Rc<Dictionary>, validation: Validation) -> Self {
        Self { default: dictionary, others: BTreeMap::new(), validation }
    }

    /// One more application version, by its ApplVerID.
    #[must_use]
    pub fn with(mut self, version: &str, dictionary: Rc<Dictionary>) -> Self {
        self.others.insert(version.as_bytes().to_vec(), dictionary);
        self
    }

    /// The dictionary that a message is held against.
    pub fn dictionary(&self, message: &Message<'_>) -> Option<&Dictionary> {
        if self.others.is_empty() || is_own(message.kind()) {
            return Some(&self.default);
        }
        match message.get(1128) {
            None | Some([]) => Some(&self.default),
            Some(version) => self.others.get(version).map(|dictionary| &**dictionary),
        }
    }
}

impl Rules for DictionaryRules {
    fn check(&self, message: &Message<'_>) -> Result<(), Fault> {
        let Some(dictionary) = self.dictionary(message) else {
            return Err(Fault { reason: reject::APPLICATION_VERSION, tag: 1128 });
        };
        let checked = dictionary.validate(message, &self.validation);
        // No tag goes with a type that nobody knows.
        let tag_of = |fault: wire::fix::Reject| if fault.reason == reject::MESSAGE_TYPE { 0 } else { fault.tag };
        checked.map_err(|fault| Fault { reason: fault.reason, tag: tag_of(fault) })
    }

    fn data_fields(&self) -> &DataFields {
        self.default.data_fields()
    }
}
