//! The keys under `/meridian/v1/`, built and taken apart.
//!
//! Invariant: every name in a key is quoted (as in a URL, nothing left as it is but letters, digits and `_.-~`), so that no
//! name reaches into another's keys. `coordination/keys.py` builds the same; a test compares them.

pub use records::region_number;

/// What every key of this version begins with.
pub const ROOT: &str = "/meridian/v1/";

/// A key that agents know.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// The generation's number.
    Generation,
    /// The limit tree.
    Tree,
    /// A limit's definition.
    Limit(u32),
    /// A holder's part of a global limit.
    Part(u32, String),
    /// Kill fields: what stands after `kill/`, quoted.
    Kill(String),
    /// Who may trade what at a node: what stands after `permissions/`, quoted.
    Permission(String),
    /// An instrument of the restricted list.
    Restricted(String),
    /// The reference data's version.
    Reference,
    /// A holder's epoch.
    Epoch(String),
    /// What a region's agent killed by itself: region, and as in [`Key::Kill`].
    LocalKill(String, String),
    /// A region's agent, as long as its lease.
    Region(String),
    /// What an operator asks of a region: region, number of the request.
    Request(String, u64),
    /// Something else, of this layout or not.
    Other,
}

/// A name as it stands in a key.
pub fn quoted(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"_.-~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// The name of a quoted word; `None` when it is quoted in a way that nobody quotes.
pub fn unquoted(word: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    let name = String::from_utf8(bytes).ok()?;
    (quoted(&name) == word).then_some(name)
}

/// A number as keys have it: without sign or leading zeros, so that no two keys name one limit.
fn whole(word: &str) -> Option<u32> {
    word.parse().ok().filter(|number: &u32| number.to_string() == word)
}

/// The number of a request: sixteen hexadecimal digits, in one way only.
fn request_number(word: &str) -> Option<u64> {
    u64::from_str_radix(word, 16).ok().filter(|number| format!("{number:016x}") == word)
}

/// The key's text below [`ROOT`] taken apart.
pub fn parse(key: &str) -> Key {
    let Some(rest) = key.strip_prefix(ROOT) else { return Key::Other };
    let words: Vec<&str> = rest.split('/').collect();
    match words.as_slice() {
        ["generation"] => Key::Generation,
        ["tree"] => Key::Tree,
        ["reference"] => Key::Reference,
        ["limits", number] => whole(number).map_or(Key::Other, Key::Limit),
        ["parts", number, holder] => match (whole(number), unquoted(holder)) {
            (Some(number), Some(holder)) => Key::Part(number, holder),
            _ => Key::Other,
        },
        ["permissions", node, selector] => Key::Permission(format!("{node}/{selector}")),
        ["restricted", instrument] => unquoted(instrument).map_or(Key::Other, Key::Restricted),
        ["kill", node, selector] => Key::Kill(format!("{node}/{selector}")),
        ["epochs", holder] => unquoted(holder).map_or(Key::Other, Key::Epoch),
        ["local", region, "kill", node, selector] => {
            unquoted(region).map_or(Key::Other, |region| Key::LocalKill(region, format!("{node}/{selector}")))
        }
        ["requests", region, number] => match (unquoted(region), request_number(number)) {
            (Some(region), Some(number)) => Key::Request(region, number),
            _ => Key::Other,
        },
        ["regions", region] => unquoted(region).map_or(Key::Other, Key::Region),
        _ => Key::Other,
    }
}

/// A limit's definition.
pub fn limit(number: u32) -> String {
    format!("{ROOT}limits/{number}")
}

/// A holder's part of a global limit.
pub fn part(number: u32, holder: &str) -> String {
    format!("{ROOT}parts/{number}/{}", quoted(holder))
}

/// Kill fields; `place` as in [`Key::Kill`].
pub fn kill(place: &str) -> String {
    format!("{ROOT}kill/{place}")
}

/// What a region's agent killed by itself.
pub fn local_kill(region: &str, place: &str) -> String {
    format!("{ROOT}local/{}/kill/{place}", quoted(region))
}

/// A holder's epoch.
pub fn epoch(holder: &str) -> String {
    format!("{ROOT}epochs/{}", quoted(holder))
}

/// Where a region's agent says what it made of a key: `acks/REGION/` and the key below [`ROOT`].
pub fn ack(region: &str, key: &str) -> String {
    format!("{ROOT}acks/{}/{}", quoted(region), key.strip_prefix(ROOT).unwrap_or(key))
}

/// What an operator asks of a region.
pub fn request(region: &str, number: u64) -> String {
    format!("{ROOT}requests/{}/{number:016x}", quoted(region))
}

/// What a region publishes about itself: `regions`, `positions`, `usage`, `slots`, `sessions`.
pub fn of_region(what: &str, region: &str) -> String {
    format!("{ROOT}{what}/{}", quoted(region))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_never_reaches_into_another_key() {
        for name in ["a/b", "../limits", "%2F", "müller", "a b", "new-york"] {
            assert_eq!(unquoted(&quoted(name)).as_deref(), Some(name));
            assert!(!quoted(name).contains('/'));
        }
        assert_eq!(unquoted("%2f"), None, "only one way of quoting");
        assert_eq!(unquoted("a%"), None);
    }

    #[test]
    fn keys_are_read_back() {
        assert_eq!(parse(&limit(7)), Key::Limit(7));
        assert_eq!(parse(&part(7, "ny/1")), Key::Part(7, "ny/1".into()));
        assert_eq!(parse(&kill("firm/all")), Key::Kill("firm/all".into()));
        assert_eq!(parse(&epoch("ny-1")), Key::Epoch("ny-1".into()));
        assert_eq!(parse(&local_kill("ny", "firm/all")), Key::LocalKill("ny".into(), "firm/all".into()));
        assert_eq!(parse(&of_region("regions", "ny")), Key::Region("ny".into()));
        assert_eq!(parse(&request("ny", 255)), Key::Request("ny".into(), 255));
        assert_eq!(parse(&format!("{ROOT}requests/ny/ff")), Key::Other);
        assert_eq!(ack("ny", &part(7, "ny-1")), "/meridian/v1/acks/ny/parts/7/ny-1");
        let others =
            ["limits/x", "limits/7/8", "limits/007", "limits/+7", "parts/07/ny-1"].map(|rest| format!("{ROOT}{rest}"));
        let others = others.iter().map(String::as_str);
        for foreign in others.chain(["", "/meridian/v2/tree", &ack("ny", "x")]) {
            assert_eq!(parse(foreign), Key::Other, "{foreign}");
        }
    }
}
