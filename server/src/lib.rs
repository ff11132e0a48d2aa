//! The ONC RPC server.
