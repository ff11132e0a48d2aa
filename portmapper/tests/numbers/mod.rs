//! Numbers that look random and are the same in every run, and how many of them.

/// Marsaglia's xorshift of 2003.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn below(&mut self, end: u32) -> u32 {
        for shift in [13, -7, 17] {
            self.0 ^= if shift > 0 {
                self.0 << shift
            } else {
                self.0 >> -shift
            };
        }
        (self.0 >> 32) as u32 % end
    }
}

/// The first in CI, the second where everything is tried: `make crash`.
pub(crate) fn either<T>(sample: T, full: T) -> T {
    if std::env::var_os("ONCRPC_CRASH").is_some_and(|what| what == "full") {
        full
    } else {
        sample
    }
}
