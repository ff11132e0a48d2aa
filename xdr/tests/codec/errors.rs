//! Every error says where, what was found and what was allowed.

use oncrpc_xdr::{
    At, Bytes, Decode, DecodeError, DecodeFault, EncodeError, EncodeFault, Limits, Padding,
    Quadruple, Reader, Segment, XdrString, from_bytes, to_bytes,
};

use crate::sample::{Answer, Everything, File, FileKind, FileType, Numbers, Tree};

fn sillyprog() -> File {
    File {
        filename: "sillyprog".into(),
        r#type: FileType::Exec("lisp".into()),
        owner: "john".into(),
        data: Bytes::from_static(b"(quit)"),
    }
}

fn everything() -> Everything {
    Everything {
        numbers: Numbers {
            int: 0,
            uint: 0,
            hyper: 0,
            uhyper: 0,
            float: 0.0,
            double: 0.0,
            quadruple: Quadruple::default(),
            bool: false,
            char: 0,
            uchar: 0,
            short: 0,
            ushort: 0,
            kind: FileKind::Text,
        },
        id: *b"abcdef",
        blob: Bytes::new(),
        name: XdrString::new(),
        triple: [1, 2, 3],
        pair: ["one".into(), "two".into()],
        many: vec![],
        wide: vec![],
        files: vec![sillyprog(), sillyprog()],
        answer: None,
        words: vec!["a".into(), "b".into()],
        tree: Tree {
            value: 0,
            left: None,
            kids: vec![],
        },
    }
}

/// Decodes the value's message with the word at `offset` replaced.
fn with_word<T: Decode + std::fmt::Debug>(wire: &Bytes, offset: usize, word: i32) -> DecodeError {
    let mut altered = wire.to_vec();
    altered[offset..offset + 4].copy_from_slice(&word.to_be_bytes());
    from_bytes::<T>(&altered.into()).unwrap_err()
}

#[test]
fn decode_errors_name_the_field_and_the_byte() {
    let file = to_bytes(&sillyprog()).unwrap();
    let told = [
        (
            0,
            256,
            "filename: length 256 exceeds the bound 255 at byte 0",
        ),
        (0, 255, "filename: 255 bytes needed, 44 remain at byte 4"),
        (16, 3, "type.kind: union has no arm for 3 at byte 16"),
        (
            20,
            300,
            "type.interpretor: length 300 exceeds the bound 255 at byte 20",
        ),
        (
            28,
            -1,
            "owner: length 4294967295 exceeds the bound 32 at byte 28",
        ),
        (36, 9, "data: 9 bytes needed, 8 remain at byte 40"),
        (36, 2, "4 bytes behind the end at byte 44"),
    ];
    for (offset, word, error) in told {
        assert_eq!(with_word::<File>(&file, offset, word).to_string(), error);
    }
}

#[test]
fn decode_errors_name_fields_of_fields_and_elements() {
    let wire = to_bytes(&everything()).unwrap();
    let told = [
        (
            52,
            2,
            "numbers.bool: bool is 2, allowed are 0 and 1 at byte 52",
        ),
        (
            56,
            128,
            "numbers.char: 128 is outside -128 to 127 at byte 56",
        ),
        (60, -1, "numbers.uchar: -1 is outside 0 to 255 at byte 60"),
        (112, 5, "pair[1]: length 5 exceeds the bound 4 at byte 112"),
        (120, 6, "many: length 6 exceeds the bound 5 at byte 120"),
        (128, 3, "files: length 3 exceeds the bound 2 at byte 128"),
        (
            196,
            9,
            "files[1].type.kind: union has no arm for 9 at byte 196",
        ),
        (232, 9, "words: bool is 9, allowed are 0 and 1 at byte 232"),
        (248, 9, "words[1]: length 9 exceeds the bound 8 at byte 248"),
        (
            268,
            9,
            "tree.kids: count 9, but the rest of the message holds 0 at most at byte 268",
        ),
    ];
    for (offset, word, error) in told {
        assert_eq!(
            with_word::<Everything>(&wire, offset, word).to_string(),
            error
        );
    }
}

#[test]
fn path_can_be_walked() {
    let wire = to_bytes(&everything()).unwrap();
    let error = with_word::<Everything>(&wire, 196, 9);
    let path: Vec<_> = error.path().collect();
    let expected = [
        Segment::Field("files"),
        Segment::Index(1),
        Segment::Field("type"),
        Segment::Field("kind"),
    ];
    assert_eq!(path, expected);
    assert_eq!(error.offset(), 196);
}

#[test]
fn encode_errors_name_the_field() {
    let mut value = everything();
    value.files[1].owner = XdrString::from(vec![b'j'; 33]);
    let error = to_bytes(&value).unwrap_err();
    assert_eq!(
        error.to_string(),
        "files[1].owner: length 33 exceeds the bound 32"
    );
    assert_eq!(error.path().count(), 3);

    let mut value = everything();
    value.words[1] = "nine char".into();
    let error = to_bytes(&value).unwrap_err();
    assert_eq!(error.to_string(), "words[1]: length 9 exceeds the bound 8");

    let mut value = everything();
    value.answer = Some(Answer::Default {
        verdict: 0,
        reason: XdrString::new(),
    });
    assert_eq!(
        to_bytes(&value).unwrap_err().to_string(),
        "answer.verdict: the default arm holds 0, which has an arm of its own"
    );
}

#[test]
fn padding_that_is_rejected_is_told_with_its_byte() {
    let mut wire = to_bytes(&sillyprog()).unwrap().to_vec();
    wire[13] = 1;
    let limits = Limits {
        padding: Padding::Reject,
        ..Limits::default()
    };
    let error = <File as Decode>::decode(&mut Reader::new(&wire).with_limits(limits)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "filename: padding is not zero at byte 13"
    );
}

#[test]
fn budget_is_told() {
    let limits = Limits {
        memory: 0,
        ..Limits::default()
    };
    let wire = [&2048_u32.to_be_bytes()[..], &[0; 4 * 2048]].concat();
    let mut r = Reader::new(&wire).with_limits(limits);
    assert_eq!(
        r.array::<u32>(u32::MAX).at("many").unwrap_err().to_string(),
        "many: 8192 bytes of memory needed, 4096 left of the message's budget at byte 4"
    );
}

#[test]
fn long_paths_keep_their_innermost_segments() {
    let mut error: Result<(), _> = Err(DecodeError::new(DecodeFault::BadPadding, 9));
    error = error.at("innermost");
    for index in 0..40 {
        error = error.at_index(index);
    }
    let error = error.at("outermost").unwrap_err();
    assert_eq!(error.path().count(), 32);
    assert_eq!(error.path().last(), Some(Segment::Field("innermost")));
    let shown = error.to_string();
    assert!(shown.starts_with("..[30][29]"), "{shown}");
    assert!(
        shown.ends_with("[0].innermost: padding is not zero at byte 9"),
        "{shown}"
    );
}

#[test]
fn debug_shows_the_same() {
    let error = Err::<(), _>(DecodeError::new(DecodeFault::BadPadding, 9)).at("name");
    assert_eq!(
        format!("{:?}", error.unwrap_err()),
        "DecodeError(name: padding is not zero at byte 9)"
    );
    let error = EncodeError::new(EncodeFault::TooDeep { allowed: 128 });
    assert_eq!(
        format!("{error:?}"),
        "EncodeError(nested deeper than 128 levels)"
    );
}

#[test]
fn faults_of_closed_enums_can_be_told() {
    let mut r = Reader::new(&[0, 0, 0, 9]);
    let found = r.i32().unwrap();
    let error = r.error_at_last_word(DecodeFault::BadEnum { found });
    assert_eq!(error.to_string(), "enum has no value 9 at byte 0");
}

#[test]
fn result_of_a_number_fits_two_registers() {
    assert_eq!(size_of::<Result<u32, DecodeError>>(), 16);
    assert_eq!(size_of::<Result<(), EncodeError>>(), size_of::<usize>());
}
