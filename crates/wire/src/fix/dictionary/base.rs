//! The dictionaries of the standard's own versions, which `make gen` makes of `venues/fix/tables`.
//!
//! Invariant: each of them is sound; a test reads all.

use super::{Dictionary, Draft};

/// A version of the standard with a dictionary here.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// FIX 4.0.
    Fix40 = 2,
    /// FIX 4.1.
    Fix41 = 3,
    /// FIX 4.2.
    Fix42 = 4,
    /// FIX 4.3.
    Fix43 = 5,
    /// FIX 4.4.
    Fix44 = 6,
    /// FIX 5.0 over FIXT 1.1.
    Fix50 = 7,
    /// FIX 5.0 SP1 over FIXT 1.1.
    Fix50Sp1 = 8,
    /// FIX 5.0 SP2 over FIXT 1.1.
    Fix50Sp2 = 9,
}

const TRANSPORT: &str = include_str!("../../../../../venues/fix/dictionaries/FIXT11.xml");

impl Version {
    /// All, oldest first.
    pub const ALL: [Self; 8] =
        [Self::Fix40, Self::Fix41, Self::Fix42, Self::Fix43, Self::Fix44, Self::Fix50, Self::Fix50Sp1, Self::Fix50Sp2];

    /// `FIX.4.4`, `FIX.5.0SP2`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fix40 => "FIX.4.0",
            Self::Fix41 => "FIX.4.1",
            Self::Fix42 => "FIX.4.2",
            Self::Fix43 => "FIX.4.3",
            Self::Fix44 => "FIX.4.4",
            Self::Fix50 => "FIX.5.0",
            Self::Fix50Sp1 => "FIX.5.0SP1",
            Self::Fix50Sp2 => "FIX.5.0SP2",
        }
    }

    /// Of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.name() == name)
    }

    /// Of an ApplVerID (1128) or DefaultApplVerID (1137).
    pub fn from_appl_ver_id(letters: &[u8]) -> Option<Self> {
        let [letter] = letters else { return None };
        Self::ALL.into_iter().find(|version| b'0' + *version as u8 == *letter)
    }

    /// ApplVerID (1128).
    pub const fn appl_ver_id(self) -> u8 {
        b'0' + self as u8
    }

    /// BeginString (8).
    pub const fn begin_string(self) -> &'static str {
        if self.over_transport() { "FIXT.1.1" } else { self.name() }
    }

    /// Whether its sessions are FIXT 1.1.
    pub const fn over_transport(self) -> bool {
        self as u8 >= Self::Fix50 as u8
    }

    /// Its file's text; of the application alone, where there is a transport.
    pub const fn xml(self) -> &'static str {
        match self {
            Self::Fix40 => include_str!("../../../../../venues/fix/dictionaries/FIX40.xml"),
            Self::Fix41 => include_str!("../../../../../venues/fix/dictionaries/FIX41.xml"),
            Self::Fix42 => include_str!("../../../../../venues/fix/dictionaries/FIX42.xml"),
            Self::Fix43 => include_str!("../../../../../venues/fix/dictionaries/FIX43.xml"),
            Self::Fix44 => include_str!("../../../../../venues/fix/dictionaries/FIX44.xml"),
            Self::Fix50 => include_str!("../../../../../venues/fix/dictionaries/FIX50.xml"),
            Self::Fix50Sp1 => include_str!("../../../../../venues/fix/dictionaries/FIX50SP1.xml"),
            Self::Fix50Sp2 => include_str!("../../../../../venues/fix/dictionaries/FIX50SP2.xml"),
        }
    }

    /// Its dictionary, its transport's header and session messages in it where there is one.
    ///
    /// # Panics
    /// Never: a test reads all.
    pub fn dictionary(self) -> Dictionary {
        self.with_overlays(Vec::new()).expect("a dictionary of ours is sound")
    }

    /// Its dictionary with overlays, the first one first.
    ///
    /// # Errors
    /// What does not resolve once all are together.
    pub fn with_overlays(self, overlays: Vec<Draft>) -> Result<Dictionary, Vec<String>> {
        let draft = overlays.into_iter().fold(Draft::from_xml(self.xml())?, Draft::overlaid);
        if self.over_transport() {
            Dictionary::over_transport(Draft::from_xml(TRANSPORT)?, draft)
        } else {
            Dictionary::new(draft)
        }
    }
}

/// The transport alone: FIXT 1.1's header, trailer and session messages.
///
/// # Panics
/// Never: a test reads it.
pub fn transport() -> Dictionary {
    Dictionary::from_xml(TRANSPORT).expect("a dictionary of ours is sound")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_is_sound_and_knows_orders_and_logons() {
        for version in Version::ALL {
            let dictionary = version.dictionary();
            assert_eq!((dictionary.version(), dictionary.begin_string()), (version.name(), version.begin_string()));
            assert_eq!(Version::from_name(version.name()), Some(version));
            assert_eq!(Version::from_appl_ver_id(&[version.appl_ver_id()]), Some(version));
            assert!(dictionary.message_name(b"D").is_some_and(|name| name.ends_with("OrderSingle")));
            assert_eq!(dictionary.is_session(b"A"), Some(true));
            assert!(dictionary.is_header(34) && dictionary.is_trailer(10) && !dictionary.is_header(11));
        }
        assert_eq!(transport().messages().count(), 8);
        assert_eq!(Version::from_appl_ver_id(b"1"), None);
    }
}
