//! The limit tree, the checks, exposure holds.
