//! A process that dies of an assertion: what it said is the run's to tell.
//!
//! Invariant: a death leaves nothing in the thread that runs the system. What a backtrace reads of the program's symbols would
//! stay there, tens of MiB, and be counted as the system's.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

static HEARD: Once = Once::new();

thread_local! {
    /// This thread runs a simulated process.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// From now on nothing is printed of a simulated process that panics; all other panics are told as they were.
pub fn are_told_by_the_run() {
    HEARD.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            if !INSIDE.get() {
                before(panic);
            }
        }));
    });
}

/// Calls a simulated process.
///
/// # Errors
/// What it said when it panicked.
pub fn outlived<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    INSIDE.set(true);
    let outcome = catch_unwind(AssertUnwindSafe(call));
    INSIDE.set(false);
    outcome.map_err(|panic| words(panic.as_ref()))
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without words".to_owned())
}
