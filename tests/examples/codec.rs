//! What coding costs, for a profiler to count and for `make bench` to time: `codec CASE TIMES` codes so often and prints the
//! nanoseconds that one took in the quickest of the parts in which that was done: in the others somebody else may have had the
//! processor, or its other thread. `interop/benches/c/codec.c` does the same with libtirpc, with the same values.

use std::hint::black_box;
use std::time::Instant;

use oncrpc::message::CallHeader;
use oncrpc_tests::entries::{Attributes, Blob, Entries, Entry, Handle, Instant as Time, Small};
use oncrpc_xdr::{Bytes, DecodeError, Reader, Wire, Writer, wire};

type Numbers = wire::Array<i32, { u32::MAX }>;
type BlobShape = wire::Opaque<{ u32::MAX }>;
type EntriesShape = wire::List<Entry>;

const NUMBERS: usize = 100_000;
const BLOB: usize = 1 << 20;
const ENTRIES: u64 = 10_000;

/// As in codec.c.
const PARTS: u32 = 20;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [case, times] = &args[..] else { usage() };
    let times: u32 = times.parse().unwrap_or_else(|_| usage());
    println!("{}", measure(case, times));
}

fn measure(case: &str, times: u32) -> f64 {
    match case {
        "header-decode" => header(times),
        "small-encode" => encode::<Small>(&small(), times),
        "small-decode" => decode::<Small>(&small(), times),
        "small-borrow" => borrow::<Small, _>(&small(), times, borrow_small),
        "numbers-encode" => encode::<Numbers>(&numbers(), times),
        "numbers-decode" => decode::<Numbers>(&numbers(), times),
        "numbers-copy" => copy(4 * NUMBERS, times),
        "blob-encode" => encode::<BlobShape>(&blob(), times),
        "blob-decode" => decode::<BlobShape>(&blob(), times),
        "blob-copy" => copy(BLOB, times),
        "entries-encode" => encode::<EntriesShape>(&entries(), times),
        "entries-decode" => decode::<EntriesShape>(&entries(), times),
        "entries-borrow" => borrow::<EntriesShape, _>(&entries(), times, borrow_entries),
        _ => usage(),
    }
}

/// Does one thing so often, in parts, and gives back the nanoseconds that it took in the quickest of them.
#[inline(always)]
fn quickest(times: u32, mut one: impl FnMut()) -> f64 {
    let mut least = f64::INFINITY;
    for part in 0..PARTS.min(times) {
        // As even as they can be.
        let times = (times - part).div_ceil(PARTS);
        let begun = Instant::now();
        for _ in 0..times {
            one();
        }
        let each = begun.elapsed().as_nanos() as f64 / f64::from(times);
        least = least.min(each);
    }
    least
}

/// A call's header, as a server reads it.
#[inline(never)]
fn header(times: u32) -> f64 {
    let words = [7, 0, 2, 100_000, 2, 0, 0, 0, 0, 0];
    let call: Vec<u8> = words.into_iter().flat_map(u32::to_be_bytes).collect();
    quickest(times, || {
        let Some(header) = CallHeader::read(black_box(&call)) else {
            panic!("it is a call");
        };
        black_box(header);
    })
}

/// Into a buffer that is kept, as a connection's is.
#[inline(never)]
fn encode<W: Wire>(value: &W::Value, times: u32) -> f64 {
    let mut w = Writer::new();
    quickest(times, || {
        w.clear();
        must(W::encode(black_box(value), &mut w));
        black_box(&w);
    })
}

/// To values of their own, whose data are slices of the message.
#[inline(never)]
fn decode<W: Wire>(value: &W::Value, times: u32) -> f64 {
    let message = message::<W>(value);
    quickest(times, || {
        black_box(must(W::decode(&mut Reader::of(black_box(&message)))));
    })
}

/// In place: `read` walks the message and keeps nothing.
#[inline(never)]
fn borrow<W: Wire, T>(
    value: &W::Value,
    times: u32,
    read: impl Fn(&mut Reader<'_>) -> Result<T, DecodeError>,
) -> f64 {
    let message = message::<W>(value);
    quickest(times, || {
        black_box(must(read(&mut Reader::of(black_box(&message)))));
    })
}

/// The least that can be done with so many bytes.
fn copy(length: usize, times: u32) -> f64 {
    let from = vec![7_u8; length];
    let mut to = vec![0_u8; length];
    quickest(times, || {
        to.copy_from_slice(black_box(&from));
        black_box(&to);
    })
}

fn message<W: Wire>(value: &W::Value) -> Bytes {
    let mut w = Writer::new();
    must(W::encode(value, &mut w));
    w.into_bytes()
}

/// What is coded here is legal.
fn must<T, E: std::fmt::Display>(done: Result<T, E>) -> T {
    done.unwrap_or_else(|error| panic!("{error}"))
}

fn small() -> Small {
    Small {
        id: 7,
        name: "sixteen letters!".into(),
        size: 1 << 40,
    }
}

fn borrow_small(r: &mut Reader<'_>) -> Result<(i32, usize, u64), DecodeError> {
    let id = r.i32()?;
    let name = r.opaque_borrowed(16)?;
    let size = u64::from_be_bytes(*r.take_array()?);
    Ok((id, black_box(name).len(), size))
}

fn numbers() -> Vec<i32> {
    (0..NUMBERS as i32).collect()
}

fn blob() -> Blob {
    Blob::from(vec![7; BLOB])
}

fn entries() -> Entries {
    let time = Time {
        seconds: 1_700_000_000,
        nanoseconds: 123_456_789,
    };
    let attributes = |file| Attributes {
        r#type: 1,
        mode: 0o644,
        links: 1,
        uid: 1000,
        gid: 1000,
        size: 4096,
        used: 4096,
        device_major: 0,
        device_minor: 0,
        filesystem: 77,
        file,
        read: time,
        written: time,
        changed: time,
    };
    let entry = |file: u64| Entry {
        file,
        name: format!("file-{file:08}.txt").into(),
        cookie: file + 1,
        attributes: Some(attributes(file)),
        handle: Some(Handle {
            data: Bytes::from(vec![file as u8; 32]),
        }),
    };
    (0..ENTRIES).map(entry).collect()
}

/// What a program does that looks at each entry and keeps none.
fn borrow_entries(r: &mut Reader<'_>) -> Result<u64, DecodeError> {
    let mut sum = 0_u64;
    while r.bool()? {
        sum = sum.wrapping_add(u64::from_be_bytes(*r.take_array()?));
        black_box(r.opaque_borrowed(255)?);
        sum = sum.wrapping_add(u64::from_be_bytes(*r.take_array()?));
        if r.bool()? {
            // Of a size that is known: 84 bytes.
            black_box(r.take_array::<84>()?);
        }
        if r.bool()? {
            black_box(r.opaque_borrowed(64)?);
        }
    }
    Ok(sum)
}

fn usage() -> ! {
    eprintln!(
        "usage: codec header-decode|{{small|entries}}-{{encode|decode|borrow}}|{{numbers|blob}}-{{encode|decode|copy}} TIMES"
    );
    std::process::exit(2);
}
