//! Runs that are kept: those in which something broke once, and those that reach far; a line each.
//!
//! Invariant: a line that cannot be read is told with its number; none is skipped.

use super::{Settings, Standby};

/// A run of the list, and why it is kept.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The run.
    pub settings: Settings,
    /// Why it is kept.
    pub why: String,
}

/// Reads a list: lines of `seed=1 seconds=60 rate=500 faults=1,2 acts=3 # why`; all but `seed` may be left out. A line without
/// `standbys=seed` is of a time when no engine had one.
///
/// # Errors
/// A sentence for each line that says something else.
pub fn read(text: &str) -> Result<Vec<Kept>, Vec<String>> {
    let (mut kept, mut errors) = (Vec::new(), Vec::new());
    for (number, line) in (1..).zip(text.lines()) {
        let (words, why) = line.split_once('#').unwrap_or((line, ""));
        if words.trim().is_empty() {
            continue;
        }
        match settings(words) {
            Ok(settings) => kept.push(Kept { settings, why: why.trim().to_owned() }),
            Err(error) => errors.push(format!("line {number}: {error}")),
        }
    }
    if errors.is_empty() { Ok(kept) } else { Err(errors) }
}

fn settings(words: &str) -> Result<Settings, String> {
    let pairs: Option<Vec<(&str, &str)>> = words.split_whitespace().map(|word| word.split_once('=')).collect();
    let pairs = pairs.ok_or_else(|| format!("{words:?}: allowed are words like seed=1"))?;
    let number = |key: &str, value: &str| -> Result<u64, String> {
        value.parse().map_err(|_| format!("{key} = {value:?}: must be a whole number"))
    };
    let seed = pairs.iter().find(|pair| pair.0 == "seed").ok_or("seed: must be there")?;
    let mut settings = Settings::of_seed(number("seed", seed.1)?, 60);
    if !pairs.contains(&("standbys", "seed")) {
        settings.standbys = [Standby::None; 2];
    }
    for (key, value) in pairs {
        match key {
            "seed" => {}
            "standbys" if value == "seed" => {}
            "standbys" => return Err(format!("standbys = {value:?}: allowed is seed")),
            "milliseconds" => settings.run_ns = number(key, value)? * 1_000_000,
            "seconds" => settings.run_ns = number(key, value)? * 1_000_000_000,
            "rate" => settings.rate = number(key, value)?,
            "acts" => settings.acts_max = number(key, value)?,
            "faults" => {
                let numbers: Result<Vec<usize>, String> =
                    value.split(',').map(|one| number(key, one).map(|number| number as usize)).collect();
                settings.faults = Some(numbers?);
            }
            _ => return Err(format!("{key}: allowed are seed, seconds, milliseconds, rate, faults, acts, standbys")),
        }
    }
    Ok(settings)
}
