//! Starts the real binary and tests what comes out of it.
