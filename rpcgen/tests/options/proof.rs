//! What differs between the ways to generate the same files, seen by values.

use std::fmt::Debug;

use oncrpc_xdr::wire::{self, Wire};
use oncrpc_xdr::{
    Bytes, Decode, DecodeFault, Encode, Quadruple, Reader, Writer, from_bytes, to_bytes,
};

fn main() {
    names_are_those_of_rust_or_of_c();
    numbers_are_patterns();
    text_must_be_utf8_where_it_is_a_string();
    closed_enums_refuse_what_they_do_not_list();
    all_ways_encode_the_same();
    boxes_are_as_deep_as_nesting_may_be();
    serde_keeps_every_value();
    types_of_elsewhere_are_taken();
    parts_find_each_other();
    more_traits_are_derived();
}

#[track_caller]
fn is<T: Encode + Decode + PartialEq + Debug>(value: &T, bytes: &[u8]) {
    let wire = to_bytes(value).unwrap();
    assert_eq!(&wire[..], bytes);
    assert_eq!(value.encoded_len(), bytes.len());
    assert_eq!(&from_bytes::<T>(&wire).unwrap(), value);
}

fn names_are_those_of_rust_or_of_c() {
    use options::c::all as c;
    use options::defaults::all as rust;
    assert_eq!(
        (rust::MAX, rust::KEY_LEN, rust::WRITER),
        (c::MAX, c::key_len, c::writer_)
    );
    is(&rust::Status::Noent, &[0, 0, 0, 2]);
    is(&c::status::ST_NOENT, &[0, 0, 0, 2]);
    assert_eq!(rust::Status::ST_ALSO_NOENT, rust::Status::Noent);
    assert_eq!(c::ST_ALSO_NOENT, c::status::ST_NOENT);
    assert_eq!(c::READ, c::u32_::READ);
    assert_eq!(c::all_prog::v1::PROCEDURES[6].name, "ALL_POINT");
    let _: c::all_prog::v1::procedure::ALL_ECHO;
    is(&c::outcome::ST_NOENT, &[0, 0, 0, 2]);
    assert_eq!(c::outcome::ST_NOENT.code(), c::ST_NOENT);
}

fn numbers_are_patterns() {
    use options::numbers::all::{Outcome, Status};
    let name = |status| match status {
        Status::OK => "fine",
        Status::NOENT => "missing",
        Status(other) if other > 0 => "positive",
        _ => "other",
    };
    let named = [Status::OK, Status::ALSO_NOENT, Status(77), Status::BAD].map(name);
    assert_eq!(named, ["fine", "missing", "positive", "other"]);
    is(&Status(77), &[0, 0, 0, 77]);
    let other = Outcome::Default {
        code: Status(77),
        why: "?".into(),
    };
    is(&other, b"\0\0\0\x4d\0\0\0\x01?\0\0\0");
    assert_eq!(Status::default(), Status(0));
    is(&options::c_numbers::all::outcome::ST_NOENT, &[0, 0, 0, 2]);
}

fn text_must_be_utf8_where_it_is_a_string() {
    use options::owned::all::{Node, Outcome};
    let node = Node {
        label: "né".to_owned(),
    };
    is(&node, b"\0\0\0\x03n\xc3\xa9\0");
    let error = <Node as Decode>::decode(&mut Reader::new(b"\0\0\0\x03n\xc3!\0")).unwrap_err();
    assert_eq!(error.fault(), DecodeFault::NotUtf8 { len: 3 });
    assert_eq!(
        error.to_string(),
        "label: string of 3 bytes is not UTF-8 at byte 5"
    );
    let long = Node {
        label: "123456789".to_owned(),
    };
    assert_eq!(
        to_bytes(&long).unwrap_err().to_string(),
        "label: length 9 exceeds the bound 8"
    );
    is(&Outcome::Ok(vec![]), &[0, 0, 0, 0, 0, 0, 0, 0]);
}

fn closed_enums_refuse_what_they_do_not_list() {
    use options::owned::all::{Outcome, Status};
    assert_eq!(Status::Bad as i32, -1);
    assert_eq!(Status::try_from(2), Ok(Status::Noent));
    assert_eq!(Status::try_from(1), Err(DecodeFault::BadEnum { found: 1 }));
    let error = <Outcome as Decode>::decode(&mut Reader::new(&[0, 0, 0, 9])).unwrap_err();
    assert_eq!(error.fault(), DecodeFault::BadEnum { found: 9 });
    assert_eq!(error.to_string(), "code: enum has no value 9 at byte 0");
}

/// The bytes of one record, and a record that is read from them, are the same in all ways.
fn all_ways_encode_the_same() {
    let record = record();
    let bytes = to_bytes(&record).unwrap();
    assert_eq!(
        from_bytes::<options::defaults::all::Record>(&bytes).unwrap(),
        record
    );
    is(
        &from_bytes::<options::c::all::record>(&bytes).unwrap(),
        &bytes,
    );
    is(
        &from_bytes::<options::c_numbers::all::record>(&bytes).unwrap(),
        &bytes,
    );
    is(
        &from_bytes::<options::owned::all::Record>(&bytes).unwrap(),
        &bytes,
    );
    is(
        &from_bytes::<options::numbers::all::Record>(&bytes).unwrap(),
        &bytes,
    );
    is(
        &from_bytes::<options::boxes::all::Record>(&bytes).unwrap(),
        &bytes,
    );
    is(
        &from_bytes::<options::closed::all::Record>(&bytes).unwrap(),
        &bytes,
    );
    is(
        &from_bytes::<options::types::all::Record>(&bytes).unwrap(),
        &bytes,
    );
}

fn record() -> options::defaults::all::Record {
    use options::defaults::all::{Record, Status, U32};
    use options::defaults::other::Point;
    Record {
        code: Status::Bad,
        mode: U32::Write,
        camel_case: -5,
        r#type: 6,
        wide: Quadruple([9; 16]),
        label: "label".into(),
        text: "text".into(),
        data: Bytes::from_static(b"data"),
        raw: Bytes::from_static(b"raw"),
        names: vec!["one".into(), "two".into()],
        secret: [7; 40],
        keys: vec![[8; 40]],
        rows: Some([1, 2, 3]),
        origin: Point { x: 1, y: 2 },
        path: vec![Point { x: 3, y: 4 }],
        short_label: "abc".into(),
    }
}

fn boxes_are_as_deep_as_nesting_may_be() {
    use options::boxes::all::{Node, Nodes};
    type Shape = wire::Optional<wire::Boxed<Node>>;
    let list = |len| {
        let push = |next: Nodes, _| {
            Some(Box::new(Node {
                label: "n".into(),
                next,
            }))
        };
        (0..len).fold(None, push)
    };
    let mut w = Writer::new();
    <Shape as Wire>::encode(&list(128), &mut w).unwrap();
    let bytes = w.into_bytes();
    let same = options::defaults::all::Node { label: "n".into() };
    let mut vec = Writer::new();
    <wire::List<options::defaults::all::Node> as Wire>::encode(&vec![same; 128], &mut vec).unwrap();
    assert_eq!(vec.into_bytes(), bytes);
    assert_eq!(
        <Shape as Wire>::decode(&mut Reader::of(&bytes)).unwrap(),
        list(128)
    );
    assert!(<Shape as Wire>::encode(&list(129), &mut Writer::new()).is_err());
}

fn serde_keeps_every_value() {
    use options::boxes::all as open;
    let bytes = to_bytes(&record()).unwrap();
    let record: open::Record = from_bytes(&bytes).unwrap();
    let json = serde_json::to_string(&record).unwrap();
    assert!(
        json.contains(r#""code":"Bad","mode":"Write","camel_case":-5,"type":6"#),
        "{json}"
    );
    assert_eq!(serde_json::from_str::<open::Record>(&json).unwrap(), record);

    let outcomes = "[{\"Default\":{\"code\":7,\"why\":[255]}},\"Noent\",{\"Ok\":null}]";
    let read: Vec<open::Outcome> = serde_json::from_str(outcomes).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), outcomes);
    is(&read[0], b"\0\0\0\x07\0\0\0\x01\xff\0\0\0");
    // A listed value is never an unknown one, however it is written.
    assert_eq!(
        serde_json::from_str::<open::Status>("2").unwrap(),
        open::Status::Noent
    );

    let numbers = "[\"OK\",77]";
    let read: Vec<options::numbers::all::Status> = serde_json::from_str(numbers).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), numbers);
    assert!(serde_json::from_str::<options::closed::all::Status>("77").is_err());
}

fn types_of_elsewhere_are_taken() {
    use options::strangers::{Stranger, outside::Holder};
    let one = Stranger { half: 0.5 };
    let holder = Holder {
        one: one.clone(),
        many: vec![one.clone()],
        perhaps: None,
        pair: [one.clone(), one],
    };
    let half = [0x3f, 0xe0, 0, 0, 0, 0, 0, 0];
    is(
        &holder,
        &[&half[..], &[0, 0, 0, 1], &half, &[0; 4], &half, &half].concat(),
    );
    assert_eq!(<Holder as Decode>::MIN_LEN, 8 + 4 + 4 + 16);
}

fn parts_find_each_other() {
    use options::types::all::{all_prog, client, server, table};
    struct Nothing;
    impl server::all_prog::v1::Server for Nothing {}
    let service = server::all_prog::v1::service(std::sync::Arc::new(Nothing));
    assert_eq!(
        (service.program(), service.version()),
        (all_prog::PROGRAM, all_prog::v1::VERSION)
    );
    assert_eq!(service.procedures(), table::all_prog::v1::PROCEDURES);
    let _: Option<client::all_prog::v1::Client<()>> = None;
}

fn more_traits_are_derived() {
    use options::more_derives::ordered::{Item, Level};
    let item = |name: &str| Item {
        level: Level::Low,
        name: name.into(),
        sizes: vec![],
    };
    assert!(item("a") < item("b"));
    assert!(Level::Low < Level::High);
}
