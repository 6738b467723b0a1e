//! Hosts for compiled and plain-Python strategies.
