//! Text and opaque data as `String` and `Vec`, which own their bytes.

use oncrpc_xdr::wire::{OpaqueVec, Utf8};
use oncrpc_xdr::{DecodeFault, Limits, Reader, Wire, Writer};

#[test]
fn they_stand_on_the_wire_as_others_do() {
    let mut w = Writer::new();
    Utf8::<8>::encode(&"né".to_owned(), &mut w).unwrap();
    OpaqueVec::<8>::encode(&vec![1, 2], &mut w).unwrap();
    assert_eq!(
        w.len(),
        Utf8::<8>::encoded_len(&"né".to_owned()) + OpaqueVec::<8>::encoded_len(&vec![1, 2])
    );
    let wire = w.into_bytes();
    assert_eq!(&wire[..], b"\0\0\0\x03n\xc3\xa9\0\0\0\0\x02\x01\x02\0\0");
    let mut r = Reader::of(&wire);
    assert_eq!(Utf8::<8>::decode(&mut r).unwrap(), "né");
    assert_eq!(OpaqueVec::<8>::decode(&mut r).unwrap(), [1, 2]);
    r.finish().unwrap();
}

#[test]
fn bounds_hold_both_ways() {
    let nine = vec![b'9'; 9];
    assert!(OpaqueVec::<8>::encode(&nine, &mut Writer::new()).is_err());
    assert!(Utf8::<8>::encode(&"9".repeat(9), &mut Writer::new()).is_err());
    let wire = b"\0\0\0\x09999999999\0\0\0";
    let fault = DecodeFault::TooLong {
        found: 9,
        allowed: 8,
    };
    assert_eq!(
        OpaqueVec::<8>::decode(&mut Reader::new(wire))
            .unwrap_err()
            .fault(),
        fault
    );
    assert_eq!(
        Utf8::<8>::decode(&mut Reader::new(wire))
            .unwrap_err()
            .fault(),
        fault
    );
}

#[test]
fn what_is_not_utf8_is_told_with_its_byte() {
    let error = Utf8::<8>::decode(&mut Reader::new(b"\0\0\0\x04ab\xff!")).unwrap_err();
    assert_eq!(error.fault(), DecodeFault::NotUtf8 { len: 4 });
    assert_eq!(
        error.to_string(),
        "string of 4 bytes is not UTF-8 at byte 6"
    );
}

#[test]
fn copies_are_charged() {
    let limits = Limits {
        memory: 0,
        ..Limits::default()
    };
    let mut wire = 5000_u32.to_be_bytes().to_vec();
    wire.extend([b'a'; 5000]);
    let fault = DecodeFault::OverBudget {
        needed: 5000,
        left: Limits::BASE_MEMORY,
    };
    let reader = || Reader::new(&wire).with_limits(limits);
    assert_eq!(
        Utf8::<8000>::decode(&mut reader()).unwrap_err().fault(),
        fault
    );
    assert_eq!(
        OpaqueVec::<8000>::decode(&mut reader())
            .unwrap_err()
            .fault(),
        fault
    );
}
