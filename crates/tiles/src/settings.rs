//! What a topology file may say of a tile, key by key: its type, its default, what is allowed. One table a kind of tile, read
//! by the check before anything starts and by the tile's own constructor alike.
//!
//! Invariant: reading names everything that is wrong with a table at once, each with its key, its value and what is allowed;
//! a value comes out only of a table without an error.
//!
//! ```
//! tiles::settings! {
//!     /// What stands under `[tiles.NAME.settings]`.
//!     pub struct SinkSettings {
//!         /// The link to read.
//!         pub link: String, "the name of a link";
//!         /// Records a second.
//!         pub rate: u64 = 1_000, "a whole number from 1 to 1000000", |rate| (1..=1_000_000).contains(rate);
//!     }
//! }
//! ```

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

const SHOWN_MAX: usize = 80;
/// The file of a secret at most.
const SECRET_BYTES_MAX: u64 = 4 << 10;

/// A value that a topology file can hold.
pub trait Setting: Sized {
    /// Reads it; what is wrong goes to `errors`, by its place.
    fn read(value: &Value, place: &str, allowed: &str, errors: &mut Vec<String>) -> Option<Self>;
}

/// A value as a person wrote it, cut where it is long.
pub fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= SHOWN_MAX {
        return text;
    }
    text.chars().take(SHOWN_MAX - 3).chain("...".chars()).collect()
}

fn refused<T>(value: &Value, place: &str, allowed: &str, errors: &mut Vec<String>) -> Option<T> {
    errors.push(format!("{place} = {}: must be {allowed}", shown(value)));
    None
}

macro_rules! whole_numbers {
    ($($type:ty)*) => {
        $(impl Setting for $type {
            fn read(value: &Value, place: &str, allowed: &str, errors: &mut Vec<String>) -> Option<Self> {
                let read = value.as_i64().and_then(|number| Self::try_from(number).ok());
                let read = read.or_else(|| value.as_u64().and_then(|number| Self::try_from(number).ok()));
                read.or_else(|| refused(value, place, allowed, errors))
            }
        })*
    };
}

macro_rules! texts {
    ($($type:ty)*) => {
        $(impl Setting for $type {
            fn read(value: &Value, place: &str, allowed: &str, errors: &mut Vec<String>) -> Option<Self> {
                let read = value.as_str().and_then(|text| text.parse().ok());
                read.or_else(|| refused(value, place, allowed, errors))
            }
        })*
    };
}

whole_numbers!(u16 u32 u64 usize i64);
texts!(String PathBuf Ipv4Addr SocketAddrV4);

impl Setting for bool {
    fn read(value: &Value, place: &str, allowed: &str, errors: &mut Vec<String>) -> Option<Self> {
        value.as_bool().or_else(|| refused(value, place, allowed, errors))
    }
}

impl<T: Setting> Setting for Option<T> {
    fn read(value: &Value, place: &str, allowed: &str, errors: &mut Vec<String>) -> Option<Self> {
        T::read(value, place, allowed, errors).map(Some)
    }
}

impl<T: Setting> Setting for Vec<T> {
    fn read(value: &Value, place: &str, allowed: &str, errors: &mut Vec<String>) -> Option<Self> {
        let Some(parts) = value.as_array() else { return refused(value, place, allowed, errors) };
        let read = |(at, part)| T::read(part, &format!("{place}[{at}]"), allowed, errors);
        let read: Vec<Option<T>> = parts.iter().enumerate().map(read).collect();
        read.into_iter().collect()
    }
}

impl<K: Ord + std::str::FromStr, T: Setting> Setting for BTreeMap<K, T> {
    fn read(value: &Value, place: &str, allowed: &str, errors: &mut Vec<String>) -> Option<Self> {
        let Some(parts) = value.as_object() else { return refused(value, place, allowed, errors) };
        let mut read = Vec::new();
        for (key, part) in parts {
            let place = format!("{place}.{key}");
            read.push(match key.parse() {
                Ok(key) => T::read(part, &place, allowed, errors).map(|held| (key, held)),
                Err(_) => refused(part, &place, allowed, errors),
            });
        }
        read.into_iter().collect()
    }
}

/// Reads the secret that lies in the file of this name. Secrets come by file, so that they are in no topology, argument or
/// environment; no error shows one.
pub fn secret(value: &Value, place: &str, allowed: &str, errors: &mut Vec<String>) -> Option<String> {
    let path = PathBuf::read(value, place, allowed, errors)?;
    let read = read_plain(&path, SECRET_BYTES_MAX).and_then(|bytes| {
        String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "is no text"))
    });
    match read {
        Ok(text) if text.trim_end().is_empty() => {
            errors.push(format!("{place} = {}: is empty; must be {allowed}", shown(value)));
            None
        }
        Ok(text) => Some(text.trim_end().to_owned()),
        Err(error) => {
            errors.push(format!("{place} = {}: {}; must be {allowed}", shown(value), crate::reason(&error)));
            None
        }
    }
}

/// The bytes of a regular file of at most so many: no device, no pipe, no giant is read, or waited for.
///
/// # Errors
/// What the system says, or what the file is instead.
pub fn read_plain(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let refused = |text: String| io::Error::new(io::ErrorKind::InvalidInput, text);
    // Looked at before it is opened: opening a pipe waits for who writes to it.
    if !std::fs::metadata(path)?.is_file() {
        return Err(refused("is no regular file".to_owned()));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path)?;
    io::Read::read_to_end(&mut io::Read::take(file, bytes_max + 1), &mut bytes)?;
    if bytes.len() as u64 > bytes_max {
        return Err(refused(format!("has more than {bytes_max} bytes")));
    }
    Ok(bytes)
}

/// Reads a word; `false` stands for `none` and `true` for `all`.
pub fn none_all_or_word(value: &Value, place: &str, allowed: &str, errors: &mut Vec<String>) -> Option<String> {
    match value.as_bool() {
        Some(all) => Some(if all { "all" } else { "none" }.to_owned()),
        None => String::read(value, place, allowed, errors),
    }
}

/// A table whose keys are taken one by one.
pub struct Table<'a> {
    map: &'a Map<String, Value>,
    place: &'a str,
    errors: &'a mut Vec<String>,
}

/// How one key is read.
pub type Read<T> = fn(&Value, &str, &str, &mut Vec<String>) -> Option<T>;

impl<'a> Table<'a> {
    /// The table at this place; keys other than `known` are errors.
    pub fn new(value: &'a Value, place: &'a str, known: &[&str], errors: &'a mut Vec<String>) -> Option<Self> {
        let allowed = || if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let Some(map) = value.as_object() else {
            return refused(value, place, &format!("a table with the keys {}", allowed()), errors);
        };
        for (key, value) in map.iter().filter(|(key, _)| !known.contains(&key.as_str())) {
            errors.push(format!("{place}.{key} = {}: is not a key here; allowed are {}", shown(value), allowed()));
        }
        Some(Self { map, place, errors })
    }

    /// The value of a key, its default where it is absent; `None` after naming what is wrong with it.
    pub fn take<T>(
        &mut self,
        key: &str,
        allowed: &str,
        absent: Option<T>,
        read: Read<T>,
        holds: fn(&T) -> bool,
    ) -> Option<T> {
        let place = format!("{}.{key}", self.place);
        let Some(value) = self.map.get(key) else {
            if absent.is_none() {
                self.errors.push(format!("{place}: is missing; must be {allowed}"));
            }
            return absent;
        };
        let held = read(value, &place, allowed, self.errors)?;
        if holds(&held) { Some(held) } else { refused(value, &place, allowed, self.errors) }
    }
}

/// Declares the settings of a tile, or a table inside them: `field: type = default, "what is allowed", condition;`. Without a
/// default the key must be there; `as "key"` gives it another name in the file, `by function` another way to be read.
#[macro_export]
macro_rules! settings {
    (@key $field:ident) => { stringify!($field) };
    (@key $field:ident $key:literal) => { $key };
    (@absent) => { None };
    (@absent $default:expr) => { Some($default) };
    (@read $type:ty) => { <$type as $crate::settings::Setting>::read };
    (@read $type:ty, $by:path) => { $by };
    (@holds) => { |_| true };
    (@holds $holds:expr) => { $holds };
    (
        $(#[$about:meta])*
        $visible:vis struct $name:ident {
            $(
                $(#[$doc:meta])*
                $seen:vis $field:ident : $type:ty $(as $key:literal $(by $by:path)?)? $(= $default:expr)?,
                    $allowed:literal $(, $holds:expr)?;
            )*
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug)]
        $visible struct $name {
            $($(#[$doc])* $seen $field: $type,)*
        }

        impl $crate::settings::Setting for $name {
            fn read(value: &$crate::Json, place: &str, _: &str, errors: &mut Vec<String>) -> Option<Self> {
                let known: &[&str] = &[$($crate::settings!(@key $field $($key)?)),*];
                let mut table = $crate::settings::Table::new(value, place, known, errors)?;
                $(let $field: Option<$type> = table.take(
                    $crate::settings!(@key $field $($key)?),
                    $allowed,
                    $crate::settings!(@absent $($default)?),
                    $crate::settings!(@read $type $($(, $by)?)?),
                    $crate::settings!(@holds $($holds)?),
                );)*
                Some(Self { $($field: $field?,)* })
            }
        }
    };
}

/// The links of a tile in the topology: what its settings may name.
#[derive(Clone, Debug, Default)]
pub struct Ends {
    /// Links that it produces.
    pub publications: Vec<String>,
    /// Links that it consumes.
    pub subscriptions: Vec<String>,
}

impl Ends {
    /// An error where the tile does not produce this link.
    pub fn produces(&self, key: &str, link: &str, errors: &mut Vec<String>) {
        Self::has(&self.publications, "produces", key, link, errors);
    }

    /// An error where the tile does not consume this link.
    pub fn consumes(&self, key: &str, link: &str, errors: &mut Vec<String>) {
        Self::has(&self.subscriptions, "consumes", key, link, errors);
    }

    fn has(links: &[String], verb: &str, key: &str, link: &str, errors: &mut Vec<String>) {
        if !links.iter().any(|known| known == link) {
            let known = if links.is_empty() { "no link".to_owned() } else { links.join(", ") };
            errors.push(format!(
                "{key} = {link:?}: must be a link that this tile {verb}; in the topology it {verb} {known}"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    settings! {
        /// A table in a table.
        struct Inner {
            number: u16, "a whole number from 1 to 9", |number| (1..=9).contains(number);
            word: String = "plain".to_owned(), "a word";
        }
    }

    settings! {
        /// Every way to declare a key.
        struct Outer {
            address: SocketAddrV4, "an address such as 127.0.0.1:9000";
            parts: Vec<Inner> = Vec::new(), "a list of tables";
            hidden: String as "hidden_file" by secret = String::new(), "a file that can be read";
            links: BTreeMap<u16, String> = BTreeMap::new(), "links by number";
            big: Option<u64> = None, "a whole number";
            yes: bool = false, "true or false";
            some: String as "some" by none_all_or_word = "none".to_owned(), "none, all or some",
                |word| ["none", "all", "some"].contains(&word.as_str());
        }
    }

    fn read(value: &Value) -> (Option<Outer>, Vec<String>) {
        let mut errors = Vec::new();
        (Outer::read(value, "tiles.x.settings", "", &mut errors), errors)
    }

    #[test]
    fn a_good_table_is_read_with_its_defaults() {
        let (outer, errors) = read(&json!({
            "address": "127.0.0.1:7", "parts": [{"number": 3}], "links": {"2": "a_b"}, "big": u64::MAX,
            "some": true
        }));
        assert_eq!(errors, Vec::<String>::new());
        let outer = outer.expect("no errors");
        assert_eq!((outer.address.port(), outer.parts[0].number, outer.parts[0].word.as_str()), (7, 3, "plain"));
        assert_eq!((outer.links[&2].as_str(), outer.big, outer.yes), ("a_b", Some(u64::MAX), false));
        assert_eq!((outer.hidden.as_str(), outer.some.as_str()), ("", "all"));
    }

    #[test]
    fn every_error_of_a_table_is_told_at_once() {
        let (outer, errors) = read(&json!({
            "parts": [{"number": 10}, {"number": "x", "wrod": 1}, 5], "links": {"two": 1}, "big": -1, "yes": 1, "some": "many",
            "hidden_file": "/no/such/file", "adress": ""
        }));
        assert!(outer.is_none());
        assert_eq!(
            errors,
            [
                "tiles.x.settings.adress = \"\": is not a key here; allowed are address, parts, hidden_file, links, big, yes, some",
                "tiles.x.settings.address: is missing; must be an address such as 127.0.0.1:9000",
                "tiles.x.settings.parts[0].number = 10: must be a whole number from 1 to 9",
                "tiles.x.settings.parts[1].wrod = 1: is not a key here; allowed are number, word",
                "tiles.x.settings.parts[1].number = \"x\": must be a whole number from 1 to 9",
                "tiles.x.settings.parts[2] = 5: must be a table with the keys number, word",
                "tiles.x.settings.hidden_file = \"/no/such/file\": no such file or directory; must be a file that can be read",
                "tiles.x.settings.links.two = 1: must be links by number",
                "tiles.x.settings.big = -1: must be a whole number",
                "tiles.x.settings.yes = 1: must be true or false",
                "tiles.x.settings.some = \"many\": must be none, all or some",
            ]
        );
    }
}
