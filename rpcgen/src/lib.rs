//! The compiler of .x files.
