//! The tile trait.

/// Why a tile cannot start: one sentence for a person, naming the key, the value and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartError(pub String);

impl std::fmt::Display for StartError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for StartError {}

impl From<std::io::Error> for StartError {
    fn from(error: std::io::Error) -> Self {
        Self(links::reason(&error))
    }
}

/// One job with one owner of its state. Its constructor takes a [`crate::Context`] and all the memory it will ever need.
pub trait Tile {
    /// The name in topology, counters and logs.
    fn name(&self) -> &str;

    /// Opens sockets and files. After it returns: no allocation, lock, formatting or system call but the tile's own socket.
    ///
    /// # Errors
    /// [`StartError`] in words for a person.
    fn on_start(&mut self, now_ns: u64) -> Result<(), StartError>;

    /// Does a bounded piece of work without sleeping; returns how much was done (0: the runner may idle).
    fn do_work(&mut self, now_ns: u64) -> usize;

    /// Leaves the world in order: says goodbye to counterparties, syncs files.
    fn on_close(&mut self, now_ns: u64);
}
