//! Variants of the platform with one rule taken out, which runs must notice.
//!
//! Invariant: nothing here or in an invariant asks which rule is taken out; a build without the feature `broken` has none to choose.

/// Takes a rule out for all runs of this process.
///
/// # Errors
/// A sentence that names what is allowed.
#[cfg(feature = "broken")]
pub fn choose(name: &str) -> Result<(), String> {
    use records::broken::{Variant, break_rule};
    let Some(variant) = Variant::ALL.iter().find(|variant| variant.word() == name) else {
        let words: Vec<&str> = Variant::ALL.iter().map(|variant| variant.word()).collect();
        return Err(format!("--variant = {name:?}: allowed are {}", words.join(", ")));
    };
    break_rule(Some(*variant));
    Ok(())
}

/// Each variant's name and rule.
#[cfg(feature = "broken")]
pub fn all() -> Vec<(&'static str, &'static str)> {
    records::broken::Variant::ALL.iter().map(|variant| (variant.word(), variant.rule())).collect()
}

/// Each variant's name and rule: there is none in this build.
#[cfg(not(feature = "broken"))]
pub fn all() -> Vec<(&'static str, &'static str)> {
    Vec::new()
}

/// Takes a rule out for all runs of this process: there is none in this build.
///
/// # Errors
/// Always: a sentence that says so.
#[cfg(not(feature = "broken"))]
pub fn choose(name: &str) -> Result<(), String> {
    Err(format!(
        "--variant = {name:?}: needs the build with the feature \"broken\", as `make sim VARIANT={name}` makes it"
    ))
}
