//! What coding costs: a call's header, a small struct, arrays of numbers, a megabyte of opaque data; and
//! beside the last two a plain copy of as many bytes.
//!
//! `cargo bench -p oncrpc-xdr`, and with `--features simd` for arrays of numbers with the processor's own vectors.
#![expect(clippy::unwrap_used, reason = "what is coded here is legal")]

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use oncrpc_xdr::{Bytes, Reader, Wire, Writer, XdrString, wire::Text};

fn main() {
    divan::main();
}

/// xid, call, RPC version, program, version, procedure, credential and verifier of no bytes.
type CallHeader = [u32; 10];
/// `struct { int id; string name<16>; hyper size; }`
type Small = (i32, Text<16>, i64);

/// Of 4 bytes each: 256 bytes to 1 MiB.
const NUMBERS: [u32; 5] = [64, 1024, 16_384, 100_000, 262_144];
const MEGABYTE: usize = 1024 * 1024;

fn small() -> <Small as Wire>::Value {
    (7, XdrString::from_static("sixteen letters!"), 1 << 40)
}

fn encode<W: Wire>(bencher: Bencher<'_, '_>, value: &W::Value) {
    let mut w = Writer::new();
    let bytes = BytesCount::new(W::encoded_len(value));
    bencher.counter(bytes).bench_local(|| {
        w.clear();
        W::encode(black_box(value), &mut w).unwrap();
        black_box(&w);
    });
}

fn decode<W: Wire>(bencher: Bencher<'_, '_>, value: &W::Value) {
    let mut w = Writer::new();
    W::encode(value, &mut w).unwrap();
    let wire = w.into_bytes();
    bencher
        .counter(BytesCount::new(wire.len()))
        .bench(|| W::decode(&mut Reader::of(black_box(&wire))).unwrap());
}

#[divan::bench]
fn call_header_encode(bencher: Bencher<'_, '_>) {
    encode::<CallHeader>(bencher, &[7, 0, 2, 100_000, 2, 0, 0, 0, 0, 0]);
}

#[divan::bench]
fn call_header_decode(bencher: Bencher<'_, '_>) {
    decode::<CallHeader>(bencher, &[7, 0, 2, 100_000, 2, 0, 0, 0, 0, 0]);
}

/// The same ten words, each with a check of its own.
#[divan::bench]
fn call_header_decode_word_by_word(bencher: Bencher<'_, '_>) {
    let wire = [7; 40];
    bencher.counter(BytesCount::new(40_usize)).bench(|| {
        let mut r = Reader::new(black_box(&wire));
        let mut sum = 0_u32;
        for _ in 0..10 {
            sum = sum.wrapping_add(r.u32().unwrap());
        }
        sum
    });
}

#[divan::bench]
fn small_struct_encode(bencher: Bencher<'_, '_>) {
    encode::<Small>(bencher, &small());
}

#[divan::bench]
fn small_struct_decode(bencher: Bencher<'_, '_>) {
    decode::<Small>(bencher, &small());
}

#[divan::bench(args = NUMBERS)]
fn numbers_encode(bencher: Bencher<'_, '_>, numbers: u32) {
    encode::<Vec<u32>>(bencher, &(0..numbers).collect());
}

#[divan::bench(args = NUMBERS)]
fn numbers_decode(bencher: Bencher<'_, '_>, numbers: u32) {
    decode::<Vec<u32>>(bencher, &(0..numbers).collect());
}

#[divan::bench(args = NUMBERS)]
fn numbers_copied_into_a_kept_buffer(bencher: Bencher<'_, '_>, numbers: u32) {
    let numbers: Vec<u32> = (0..numbers).collect();
    let mut copy = Vec::new();
    bencher
        .counter(BytesCount::of_slice(&numbers))
        .bench_local(|| {
            copy.clear();
            copy.extend_from_slice(black_box(&numbers));
            black_box(&copy);
        });
}

#[divan::bench(args = NUMBERS)]
fn numbers_copied_into_a_new_buffer(bencher: Bencher<'_, '_>, numbers: u32) {
    let numbers: Vec<u32> = (0..numbers).collect();
    bencher
        .counter(BytesCount::of_slice(&numbers))
        .bench(|| black_box(&numbers).clone());
}

#[divan::bench]
fn megabyte_of_opaque_chained(bencher: Bencher<'_, '_>) {
    encode::<Bytes>(bencher, &Bytes::from(vec![7; MEGABYTE]));
}

#[divan::bench]
fn megabyte_of_opaque_sliced(bencher: Bencher<'_, '_>) {
    decode::<Bytes>(bencher, &Bytes::from(vec![7; MEGABYTE]));
}

#[divan::bench]
fn megabyte_of_opaque_borrowed(bencher: Bencher<'_, '_>) {
    let wire = oncrpc_xdr::to_bytes(&Bytes::from(vec![7; MEGABYTE])).unwrap();
    bencher.counter(BytesCount::new(wire.len())).bench(|| {
        Reader::new(black_box(&wire))
            .opaque_borrowed(u32::MAX)
            .unwrap()
            .len()
    });
}

#[divan::bench]
fn megabyte_copied(bencher: Bencher<'_, '_>) {
    let data = vec![7_u8; MEGABYTE];
    bencher
        .counter(BytesCount::new(MEGABYTE))
        .bench(|| black_box(&data).clone());
}
