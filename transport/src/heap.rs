//! Memory that is free, and stays ours.

use std::hint::black_box;
use std::sync::Once;

use crate::Limits;

/// Bytes of free memory that the process keeps once there was a long record: what one connection of a server may hold, its
/// replies on their way and the record behind them.
const KEPT: usize = Limits::SERVER.unsent + Limits::SERVER.record.record as usize;

/// Has the allocator keep as much free memory as that, if it is glibc's.
///
/// The records of a connection are let go of together when its peer takes the replies. glibc gives what is free at the end of its
/// heap back to the kernel when it is more than twice the largest block that the kernel has lent for itself and had back
/// (mallopt(3), M_MMAP_THRESHOLD). After records of 1 MiB two of them are more, and every page of the next ones is cleared and
/// mapped anew: 75 pages a call where four are in flight. So the heap is shown a block that is half of what is to stay. Nobody
/// writes to it: it takes up no memory.
pub(crate) fn keep_free_memory() {
    static SHOWN: Once = Once::new();
    SHOWN.call_once(|| drop(black_box(Vec::<u8>::with_capacity(KEPT / 2))));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pages that were mapped for this thread, as proc(5) counts them: `minflt`, the tenth field, the eighth behind the name.
    fn mapped() -> u64 {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        let (_, behind_name) = stat.rsplit_once(')').unwrap();
        let minor_faults = behind_name.split_whitespace().nth(7).unwrap();
        minor_faults.parse().unwrap()
    }

    #[test]
    #[cfg_attr(
        not(target_env = "gnu"),
        ignore = "of another allocator nothing is known"
    )]
    fn the_memory_of_long_records_is_there_for_the_next_ones() {
        const RECORD: usize = 1 << 20;
        const RECORDS: usize = KEPT / RECORD;
        let pages = (RECORDS * RECORD / 4096) as u64;
        let come_and_go = || drop(black_box([RECORD; RECORDS].map(|len| vec![7_u8; len])));
        keep_free_memory();
        come_and_go();
        let before = mapped();
        (0..10).for_each(|_| come_and_go());
        assert!(mapped() - before < pages);
    }
}
