//! rpcbind and the portmapper before it, versions 2 to 4: RFC 1833.

use super::program::{GARBAGE_ARGS, Procedure, Program, Results, SYSTEM_ERR, Sample};
use super::types::{ANY, Type};

use Sample::{Bytes, Word};

/// A program that nobody has registered before.
const P: u32 = 0x2000_0e20;

const MAPPING: Type = Type::Struct(&[
    ("prog", Type::Word),
    ("vers", Type::Word),
    ("prot", Type::Word),
    ("port", Type::Word),
]);

const RPCB: Type = Type::Struct(&[
    ("r_prog", Type::Word),
    ("r_vers", Type::Word),
    ("r_netid", Type::Bytes(ANY)),
    ("r_addr", Type::Bytes(ANY)),
    ("r_owner", Type::Bytes(ANY)),
]);

const RMTCALL: Type = Type::Struct(&[
    ("prog", Type::Word),
    ("vers", Type::Word),
    ("proc", Type::Word),
    ("args", Type::Bytes(ANY)),
]);

const NETBUF: Type = Type::Struct(&[("maxlen", Type::Word), ("buf", Type::Bytes(ANY))]);

const STRING: Type = Type::Bytes(ANY);

const PMAPLIST: Type = Type::List(&MAPPING);
const RPCBLIST: Type = Type::List(&RPCB);

const ENTRIES: Type = Type::List(&Type::Struct(&[
    ("r_maddr", STRING),
    ("r_nc_netid", STRING),
    ("r_nc_semantics", Type::Word),
    ("r_nc_protofmly", STRING),
    ("r_nc_proto", STRING),
]));

/// What is counted of one version; GETSTAT answers three of them.
const STAT: Type = Type::Struct(&[
    ("info", Type::Fixed(13 * 4)),
    ("setinfo", Type::Word),
    ("unsetinfo", Type::Word),
    (
        "addrinfo",
        Type::List(&Type::Struct(&[
            ("prog", Type::Word),
            ("vers", Type::Word),
            ("success", Type::Word),
            ("failure", Type::Word),
            ("netid", STRING),
        ])),
    ),
    (
        "rmtinfo",
        Type::List(&Type::Struct(&[
            ("prog", Type::Word),
            ("vers", Type::Word),
            ("proc", Type::Word),
            ("success", Type::Word),
            ("failure", Type::Word),
            ("indirect", Type::Word),
            ("netid", STRING),
        ])),
    ),
]);

const MAPPING_SAMPLE: &[Sample] = &[Word(P), Word(1), Word(17), Word(2049)];

const RPCB_SAMPLE: &[Sample] = &[
    Word(P),
    Word(1),
    Bytes(b"udp"),
    Bytes(b"0.0.0.0.8.1"),
    Bytes(b"me"),
];

const RMTCALL_SAMPLE: &[Sample] = &[Word(P), Word(1), Word(0), Bytes(b"arguments")];

const TADDR_SAMPLE: &[Sample] = &[
    Word(16),
    Bytes(&[2, 0, 8, 1, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]),
];

/// A list may not fit a datagram.
const LONG: &[u32] = &[SYSTEM_ERR];
/// An address may be of no family that the transport has, or longer than its sender has room for.
const ADDRESS: &[u32] = &[SYSTEM_ERR, GARBAGE_ARGS];

const fn procedure(
    name: &'static str,
    (version, number): (u32, u32),
    (args, sample): (Type, &'static [Sample]),
    results: Results,
) -> Procedure {
    Procedure {
        name,
        version,
        number,
        args,
        sample,
        results,
    }
}

const NO: (Type, &[Sample]) = (Type::Void, &[]);
const MAP: (Type, &[Sample]) = (MAPPING, MAPPING_SAMPLE);
const WHERE: (Type, &[Sample]) = (RPCB, RPCB_SAMPLE);
const CALL: (Type, &[Sample]) = (RMTCALL, RMTCALL_SAMPLE);
const UADDR: (Type, &[Sample]) = (STRING, &[Bytes(b"127.0.0.1.8.1")]);
const TADDR: (Type, &[Sample]) = (NETBUF, TADDR_SAMPLE);

/// The program.
pub static PORTMAPPER: Program = Program {
    number: 100_000,
    null: 2,
    record: 9000,
    fragments: 64,
    datagram: 9000,
    procedures: &[
        procedure("v2_set", (2, 1), MAP, Results::Of(Type::Bool)),
        procedure("v2_unset", (2, 2), MAP, Results::Of(Type::Bool)),
        procedure("v2_getport", (2, 3), MAP, Results::Of(Type::Word)),
        procedure("v2_dump", (2, 4), NO, Results::OfOr(PMAPLIST, LONG)),
        procedure("v2_callit", (2, 5), CALL, Results::Forwarded),
        procedure("v3_set", (3, 1), WHERE, Results::Of(Type::Bool)),
        procedure("v3_unset", (3, 2), WHERE, Results::Of(Type::Bool)),
        procedure("v3_getaddr", (3, 3), WHERE, Results::Of(STRING)),
        procedure("v3_dump", (3, 4), NO, Results::OfOr(RPCBLIST, LONG)),
        procedure("v3_callit", (3, 5), CALL, Results::Forwarded),
        procedure("v3_gettime", (3, 6), NO, Results::Of(Type::Word)),
        procedure(
            "v3_uaddr2taddr",
            (3, 7),
            UADDR,
            Results::OfOr(NETBUF, ADDRESS),
        ),
        procedure(
            "v3_taddr2uaddr",
            (3, 8),
            TADDR,
            Results::OfOr(STRING, ADDRESS),
        ),
        procedure("v4_set", (4, 1), WHERE, Results::Of(Type::Bool)),
        procedure("v4_unset", (4, 2), WHERE, Results::Of(Type::Bool)),
        procedure("v4_getaddr", (4, 3), WHERE, Results::Of(STRING)),
        procedure("v4_dump", (4, 4), NO, Results::OfOr(RPCBLIST, LONG)),
        procedure("v4_bcast", (4, 5), CALL, Results::Forwarded),
        procedure("v4_gettime", (4, 6), NO, Results::Of(Type::Word)),
        procedure(
            "v4_uaddr2taddr",
            (4, 7),
            UADDR,
            Results::OfOr(NETBUF, ADDRESS),
        ),
        procedure(
            "v4_taddr2uaddr",
            (4, 8),
            TADDR,
            Results::OfOr(STRING, ADDRESS),
        ),
        procedure("v4_getversaddr", (4, 9), WHERE, Results::Of(STRING)),
        procedure("v4_indirect", (4, 10), CALL, Results::Forwarded),
        procedure(
            "v4_getaddrlist",
            (4, 11),
            WHERE,
            Results::OfOr(ENTRIES, LONG),
        ),
        procedure(
            "v4_getstat",
            (4, 12),
            NO,
            Results::OfOr(
                Type::Struct(&[("v2", STAT), ("v3", STAT), ("v4", STAT)]),
                LONG,
            ),
        ),
    ],
};
