//! What .x files use without defining it, because the headers of C do.

use super::{Builtin, Size, Type};

/// A type that a header of libtirpc or of the C library defines, and that libtirpc codes.
pub(super) fn ty(name: &str) -> Option<Type> {
    let unbounded = |value| Size {
        value,
        constant: None,
    };
    let builtin = match name {
        "bool_t" | "boolean_t" => Builtin::Bool,
        "enum_t" | "int32_t" | "int32" => Builtin::Int,
        "u_int" | "u_long" | "uint32_t" | "u_int32_t" | "uint32" | "uint" | "ulong" => {
            Builtin::UnsignedInt
        }
        "rpcprog_t" | "rpcvers_t" | "rpcproc_t" | "rpcprot_t" | "rpcport_t" | "rpc_inline_t" => {
            Builtin::UnsignedInt
        }
        // Four bytes, as the `long` and the `int` that they were when these files were written.
        "time_t" => Builtin::Int,
        "uid_t" | "gid_t" => Builtin::UnsignedInt,
        "quad_t" | "int64_t" | "int64" | "longlong_t" => Builtin::Hyper,
        "u_quad_t" | "uint64_t" | "u_int64_t" | "uint64" | "u_longlong_t" => Builtin::UnsignedHyper,
        "int16_t" => Builtin::Short,
        "u_short" | "uint16_t" | "u_int16_t" | "ushort" => Builtin::UnsignedShort,
        "int8_t" => Builtin::Char,
        "u_char" | "uint8_t" | "u_int8_t" | "uchar" => Builtin::UnsignedChar,
        "netobj" => return Some(Type::Opaque(unbounded(MAX_NETOBJ))),
        // `union des_block` of rpc/des_crypt.h: xdr_des_block codes 8 bytes.
        "des_block" => return Some(Type::OpaqueFixed(unbounded(8))),
        // rpc/rpcb_prot.h: xdr_netbuf codes the room and the bytes.
        "netbuf" => return Some(Type::Extern("oncrpc::proto::rpcb::Netbuf".to_owned())),
        // A string that is UTF-8, as buildbarn's files have it.
        "utf8string" => return Some(Type::Text(unbounded(u32::MAX))),
        _ => return None,
    };
    Some(Type::Builtin(builtin))
}

/// A constant of the language, or of the headers of libtirpc.
pub(super) fn number(name: &str) -> Option<i128> {
    Some(match name {
        // Bool's own enumerators (RFC 4506 section 4.4).
        "FALSE" => 0,
        "TRUE" => 1,
        // rpc/auth.h
        "AUTH_NONE" | "AUTH_NULL" => 0,
        "AUTH_SYS" | "AUTH_UNIX" => 1,
        "AUTH_SHORT" => 2,
        "AUTH_DH" | "AUTH_DES" => 3,
        "AUTH_KERB" => 4,
        "RPCSEC_GSS" => 6,
        "MAX_AUTH_BYTES" => 400,
        "MAXNETNAMELEN" => 255,
        // rpc/xdr.h
        "MAX_NETOBJ_SZ" => MAX_NETOBJ.into(),
        // sys/param.h of Linux
        "MAXHOSTNAMELEN" => 64,
        "MAXPATHLEN" => 4096,
        _ => return None,
    })
}

/// Longest `netobj` in bytes: `MAX_NETOBJ_SZ` of libtirpc's `rpc/xdr.h`.
const MAX_NETOBJ: u32 = 1024;
