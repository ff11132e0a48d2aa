//! The ONC RPC client.
