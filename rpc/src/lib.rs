//! ONC RPC without I/O.
