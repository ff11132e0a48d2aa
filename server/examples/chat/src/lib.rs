//! A chat room: what rpcgen made of `chat.x`, the room that serves it, and a member of it.

pub mod member;
pub mod room;

/// What rpcgen made of chat.x.
#[allow(missing_docs, reason = "chat.x is the documentation")]
pub mod chat {
    include!(concat!(env!("OUT_DIR"), "/chat.rs"));
}
