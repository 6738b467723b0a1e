//! The state of a fold as bytes: one canonical encoding, written beside each struct, and its bounded reader.
//!
//! Invariant: equal states give equal bytes, whatever hash tables, free lists and allocators went through; what is written is read
//! back to the same bytes. Bytes of any origin are taken or refused with a sentence, and never panic. Nothing of it is called
//! between a packet and an order.
//!
//! Numbers are little-endian, lists begin with their length, fixed tables are runs of equal rows. There is no layout beside the
//! code: whoever stores such bytes stores the version of it, too.

use std::collections::VecDeque;

use crate::IdMap;

/// Bytes that a state is written to.
#[derive(Debug, Default)]
pub struct StateWriter {
    bytes: Vec<u8>,
}

impl StateWriter {
    /// Adds bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Adds the length of a list.
    pub fn count(&mut self, count: usize) {
        self.bytes(&(count as u64).to_le_bytes());
    }

    /// Adds a list: its length, then each item.
    pub fn list<'a, T: StateValue + 'a>(&mut self, items: impl ExactSizeIterator<Item = &'a T>) {
        self.count(items.len());
        items.for_each(|item| item.put(self));
    }

    /// Adds a table of fixed length as runs of equal rows.
    pub fn runs<T: StateValue>(&mut self, rows: &[T]) {
        self.count(rows.len());
        let (mut row, mut next, mut length) = (Self::default(), Self::default(), 0_u32);
        for one in rows {
            next.bytes.clear();
            one.put(&mut next);
            if length > 0 && (next.bytes != row.bytes || length == u32::MAX) {
                length.put(self);
                self.bytes(&row.bytes);
                length = 0;
            }
            if length == 0 {
                std::mem::swap(&mut row, &mut next);
            }
            length += 1;
        }
        if length > 0 {
            length.put(self);
            self.bytes(&row.bytes);
        }
    }

    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// How much was written.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing was written yet.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

/// Why bytes are no state of this build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateError {
    /// Bytes before what is wrong.
    pub at: usize,
    /// The struct and field that was read.
    pub what: &'static str,
    /// What stands there, and what is allowed.
    pub wrong: String,
}

impl std::fmt::Display for StateError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "byte {} of the state, {}: {}", self.at, self.what, self.wrong)
    }
}

impl std::error::Error for StateError {}

/// Bytes that a state is read from.
#[derive(Debug)]
pub struct StateReader<'a> {
    bytes: &'a [u8],
    at: usize,
    what: &'static str,
}

impl<'a> StateReader<'a> {
    /// Of these bytes, from their start.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, what: "start" }
    }

    /// Names what is read next, for a refusal.
    pub fn of(&mut self, what: &'static str) -> &mut Self {
        self.what = what;
        self
    }

    /// A refusal here.
    pub fn wrong(&self, wrong: String) -> StateError {
        StateError { at: self.at, what: self.what, wrong }
    }

    /// So many bytes as they are.
    ///
    /// # Errors
    /// [`StateError`] when there are fewer.
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], StateError> {
        let left = self.bytes.len() - self.at;
        if left < count {
            return Err(self.wrong(format!("{left} bytes are left; {count} are needed")));
        }
        self.at += count;
        Ok(&self.bytes[self.at - count..self.at])
    }

    /// The length of a list of at most `most`.
    ///
    /// # Errors
    /// [`StateError`] when it says more.
    pub fn count(&mut self, most: usize) -> Result<usize, StateError> {
        let count = u64::take(self)?;
        if count > most as u64 {
            self.at -= 8;
            return Err(self.wrong(format!("a list of {count}; allowed are at most {most}")));
        }
        Ok(count as usize)
    }

    /// A list of at most `most`, each handed over.
    ///
    /// # Errors
    /// [`StateError`] when it is longer, or one of it is wrong.
    pub fn list<T: StateValue>(&mut self, most: usize, mut each: impl FnMut(T)) -> Result<(), StateError> {
        for _ in 0..self.count(most)? {
            each(T::take(self)?);
        }
        Ok(())
    }

    /// A table of fixed length.
    ///
    /// # Errors
    /// [`StateError`] when it has another length, or a row is wrong.
    pub fn runs<T: StateValue + Clone>(&mut self, rows: &mut [T]) -> Result<(), StateError> {
        let count = u64::take(self)?;
        if count != rows.len() as u64 {
            return Err(self.wrong(format!("a table of {count} rows; allowed are {}", rows.len())));
        }
        let mut from = 0;
        while from < rows.len() {
            let length = u32::take(self)? as usize;
            if length == 0 || length > rows.len() - from {
                return Err(self.wrong(format!("{length} equal rows; allowed are 1 to {}", rows.len() - from)));
            }
            let row = T::take(self)?;
            rows[from..from + length].fill(row);
            from += length;
        }
        Ok(())
    }

    /// A number below a bound: the place of something in a table.
    ///
    /// # Errors
    /// [`StateError`] when it is not below.
    pub fn below<T: StateValue + Copy + Into<u64>>(&mut self, bound: usize) -> Result<T, StateError> {
        let value = T::take(self)?;
        let number: u64 = value.into();
        if number >= bound as u64 {
            return Err(self.wrong(format!("place {number}; allowed are those below {bound}")));
        }
        Ok(value)
    }

    /// Whether what is left begins so.
    pub fn begins_with(&self, tag: &[u8]) -> bool {
        self.bytes[self.at..].starts_with(tag)
    }

    /// That nothing is left.
    ///
    /// # Errors
    /// [`StateError`] when something is.
    pub fn end(&self) -> Result<(), StateError> {
        match self.bytes.len() - self.at {
            0 => Ok(()),
            left => Err(self.wrong(format!("{left} bytes follow; allowed are none"))),
        }
    }
}

/// A part of a state that is made anew when it is read.
pub trait StateValue: Sized {
    /// Writes it.
    fn put(&self, out: &mut StateWriter);

    /// Reads one.
    ///
    /// # Errors
    /// [`StateError`] when the bytes are none.
    fn take(from: &mut StateReader<'_>) -> Result<Self, StateError>;
}

/// A part of a state that is read into memory taken before.
pub trait State {
    /// Writes it.
    fn save(&self, out: &mut StateWriter);

    /// Reads it over what is here. After an error it is in no state to go on with.
    ///
    /// # Errors
    /// [`StateError`] when the bytes are none that fit here.
    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError>;
}

impl<T: StateValue> State for T {
    fn save(&self, out: &mut StateWriter) {
        self.put(out);
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        *self = T::take(from)?;
        Ok(())
    }
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl StateValue for $number {
            fn put(&self, out: &mut StateWriter) {
                out.bytes(&self.to_le_bytes());
            }

            fn take(from: &mut StateReader<'_>) -> Result<Self, StateError> {
                let bytes = from.bytes(size_of::<$number>())?;
                Ok(Self::from_le_bytes(bytes.try_into().expect("as many as were asked for")))
            }
        }
    )*};
}
numbers!(u8, i8, u16, i16, u32, i32, u64, i64, i128);

impl StateValue for usize {
    fn put(&self, out: &mut StateWriter) {
        out.count(*self);
    }

    fn take(from: &mut StateReader<'_>) -> Result<Self, StateError> {
        from.count(u32::MAX as usize)
    }
}

impl StateValue for bool {
    fn put(&self, out: &mut StateWriter) {
        u8::from(*self).put(out);
    }

    fn take(from: &mut StateReader<'_>) -> Result<Self, StateError> {
        match u8::take(from)? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(from.wrong(format!("{other} for yes or no; allowed are 0 and 1"))),
        }
    }
}

impl<T: StateValue> StateValue for Option<T> {
    fn put(&self, out: &mut StateWriter) {
        self.is_some().put(out);
        if let Some(value) = self {
            value.put(out);
        }
    }

    fn take(from: &mut StateReader<'_>) -> Result<Self, StateError> {
        if bool::take(from)? { T::take(from).map(Some) } else { Ok(None) }
    }
}

impl<T: StateValue> StateValue for Box<T> {
    fn put(&self, out: &mut StateWriter) {
        T::put(self, out);
    }

    fn take(from: &mut StateReader<'_>) -> Result<Self, StateError> {
        T::take(from).map(Self::new)
    }
}

impl<T: StateValue, const N: usize> StateValue for [T; N] {
    fn put(&self, out: &mut StateWriter) {
        self.iter().for_each(|item| item.put(out));
    }

    fn take(from: &mut StateReader<'_>) -> Result<Self, StateError> {
        let mut wrong = None;
        let items: [Option<T>; N] = std::array::from_fn(|_| match (&wrong, T::take(from)) {
            (None, Ok(item)) => Some(item),
            (None, Err(error)) => {
                wrong = Some(error);
                None
            }
            (Some(_), _) => None,
        });
        match wrong {
            Some(error) => Err(error),
            None => Ok(items.map(|item| item.expect("none was wrong"))),
        }
    }
}

impl<A: StateValue, B: StateValue> StateValue for (A, B) {
    fn put(&self, out: &mut StateWriter) {
        self.0.put(out);
        self.1.put(out);
    }

    fn take(from: &mut StateReader<'_>) -> Result<Self, StateError> {
        Ok((A::take(from)?, B::take(from)?))
    }
}

impl<A: StateValue, B: StateValue, C: StateValue> StateValue for (A, B, C) {
    fn put(&self, out: &mut StateWriter) {
        self.0.put(out);
        self.1.put(out);
        self.2.put(out);
    }

    fn take(from: &mut StateReader<'_>) -> Result<Self, StateError> {
        Ok((A::take(from)?, B::take(from)?, C::take(from)?))
    }
}

/// No longer than there was room for when it was made.
impl<T: StateValue> State for Vec<T> {
    fn save(&self, out: &mut StateWriter) {
        out.list(self.iter());
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.clear();
        let most = self.capacity();
        from.list(most, |item| self.push(item))
    }
}

/// No longer than there was room for when it was made.
impl<T: StateValue> State for VecDeque<T> {
    fn save(&self, out: &mut StateWriter) {
        out.list(self.iter());
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.clear();
        let most = self.capacity();
        from.list(most, |item| self.push_back(item))
    }
}

/// A table of fixed length.
impl<T: StateValue + Clone> State for Box<[T]> {
    fn save(&self, out: &mut StateWriter) {
        out.runs(self);
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        from.runs(self)
    }
}

/// By id, whatever place the map gave each.
impl<V: StateValue + Copy + Default> State for IdMap<V> {
    fn save(&self, out: &mut StateWriter) {
        let mut entries: Vec<(u64, V)> = self.iter().collect();
        entries.sort_unstable_by_key(|(id, _)| *id);
        out.list(entries.iter());
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.clear();
        for _ in 0..from.count(u32::MAX as usize)? {
            let (id, value) = <(u64, V)>::take(from)?;
            if !self.insert(id, value) {
                return Err(from.wrong(format!("id {id} at {} others; allowed are ids that have room", self.len())));
            }
        }
        Ok(())
    }
}

/// Makes an enumeration with stable codes a part of a state.
macro_rules! coded {
    ($name:ident: $repr:ty) => {
        impl $crate::StateValue for $name {
            fn put(&self, out: &mut $crate::StateWriter) {
                self.code().put(out);
            }

            fn take(from: &mut $crate::StateReader<'_>) -> Result<Self, $crate::StateError> {
                let code = <$repr>::take(from)?;
                let name = stringify!($name);
                let known = Self::from_code(code);
                known.ok_or_else(|| from.wrong(format!("{code} for a {name}; allowed are those of this build")))
            }
        }
    };
}
pub(crate) use coded;

/// Makes a struct a part of a state that is read by value: every field, none left out.
#[macro_export]
macro_rules! state_value {
    ($name:ident { $($field:ident),* $(,)? }) => {
        impl $crate::StateValue for $name {
            fn put(&self, out: &mut $crate::StateWriter) {
                let Self { $($field),* } = self;
                $($crate::StateValue::put($field, out);)*
            }

            fn take(from: &mut $crate::StateReader<'_>) -> Result<Self, $crate::StateError> {
                Ok(Self {
                    $($field: {
                        from.of(concat!(stringify!($name), ".", stringify!($field)));
                        $crate::StateValue::take(from)?
                    }),*
                })
            }
        }
    };
}

/// Makes a struct a part of a state that is read in place: every field, but those named behind `without` as no part of the state
/// (sizes, and what follows from the rest).
#[macro_export]
macro_rules! state {
    ($name:ident { $($field:ident),* $(,)? } without { $($other:ident),* $(,)? }) => {
        impl $crate::State for $name {
            fn save(&self, out: &mut $crate::StateWriter) {
                let Self { $($field,)* $($other: _),* } = self;
                $($crate::State::save($field, out);)*
            }

            fn load(&mut self, from: &mut $crate::StateReader<'_>) -> Result<(), $crate::StateError> {
                let Self { $($field,)* $($other: _),* } = self;
                $(
                    from.of(concat!(stringify!($name), ".", stringify!($field)));
                    $crate::State::load($field, from)?;
                )*
                Ok(())
            }
        }
    };
    ($name:ident { $($field:ident),* $(,)? }) => {
        $crate::state!($name { $($field),* } without {});
    };
}

/// Makes an enumeration of words a part of a state: every variant by its number.
#[macro_export]
macro_rules! state_codes {
    ($name:ident { $($variant:ident),* $(,)? }) => {
        impl $crate::StateValue for $name {
            fn put(&self, out: &mut $crate::StateWriter) {
                let code = match self { $(Self::$variant => Self::$variant as u8),* };
                $crate::StateValue::put(&code, out);
            }

            fn take(from: &mut $crate::StateReader<'_>) -> Result<Self, $crate::StateError> {
                let code: u8 = $crate::StateValue::take(from)?;
                $(if code == Self::$variant as u8 {
                    return Ok(Self::$variant);
                })*
                Err(from.wrong(format!("{code} for a {}; allowed are those of this build", stringify!($name))))
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    struct Inner {
        number: i64,
        flag: bool,
        parts: [Option<u16>; 3],
    }
    state_value!(Inner { number, flag, parts });

    #[derive(Debug, PartialEq)]
    struct Outer {
        rows: Box<[Inner]>,
        queue: VecDeque<(u8, i128)>,
        room: usize,
    }
    state!(Outer { rows, queue } without { room });

    fn outer(seed: u64) -> Outer {
        let inner = |at: u64| Inner {
            number: (at / 3) as i64 - 2,
            flag: (at / 3).is_multiple_of(2),
            parts: [None, Some(at as u16 / 3), None],
        };
        let rows: Vec<Inner> = (seed..seed + 11).map(inner).collect();
        let mut queue = VecDeque::with_capacity(4);
        queue.extend((0..seed % 4).map(|at| (at as u8, -i128::from(at) << 90)));
        Outer { rows: rows.into(), queue, room: 5 }
    }

    fn saved(state: &impl State) -> Vec<u8> {
        let mut out = StateWriter::default();
        state.save(&mut out);
        out.into_bytes()
    }

    #[test]
    fn what_is_written_is_read_back_and_no_cut_of_it_is_taken() {
        for seed in 0..12 {
            let (state, mut other) = (outer(seed), outer(seed + 1));
            let bytes = saved(&state);
            let mut reader = StateReader::new(&bytes);
            other.load(&mut reader).and_then(|()| reader.end()).unwrap();
            assert_eq!((&other, saved(&other)), (&state, bytes.clone()));
            for cut in 0..bytes.len() {
                let error = other.load(&mut StateReader::new(&bytes[..cut])).unwrap_err();
                assert!(error.at <= cut && error.what.starts_with(['O', 'I']), "{error}");
            }
        }
    }

    #[test]
    fn what_is_not_allowed_is_said_with_its_place() {
        let refused = |change: fn(&mut Vec<u8>)| {
            let mut bytes = saved(&outer(2));
            change(&mut bytes);
            let mut reader = StateReader::new(&bytes);
            outer(2).load(&mut reader).and_then(|()| reader.end()).unwrap_err().to_string()
        };
        assert_eq!(refused(|bytes| bytes[0] = 9), "byte 8 of the state, Outer.rows: a table of 9 rows; allowed are 11");
        assert_eq!(
            refused(|bytes| bytes[8] = 0),
            "byte 12 of the state, Outer.rows: 0 equal rows; allowed are 1 to 11"
        );
        assert_eq!(
            refused(|bytes| bytes[20] = 7),
            "byte 21 of the state, Inner.flag: 7 for yes or no; allowed are 0 and 1"
        );
        assert_eq!(
            refused(|bytes| bytes.push(1)),
            "byte 140 of the state, Outer.queue: 1 bytes follow; allowed are none"
        );
    }

    #[test]
    fn a_map_is_written_by_id_whatever_happened_to_it() {
        let (mut one, mut other) = (IdMap::<u32>::with_capacity(64), IdMap::<u32>::with_capacity(64));
        for id in 1..40_u64 {
            one.insert(id * 7, id as u32);
            other.insert((40 - id) * 7, 40 - id as u32);
            other.insert(1_000_000 + id % 20, 3);
        }
        (0..20).for_each(|id| assert!(other.remove(1_000_000 + id).is_some()));
        assert_eq!(saved(&one), saved(&other));
        one.clear();
        one.load(&mut StateReader::new(&saved(&other))).unwrap();
        assert_eq!(saved(&one), saved(&other));
    }
}
