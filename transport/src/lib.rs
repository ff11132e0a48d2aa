//! Bytes and peers: TCP, UDP and Unix sockets under tokio, and the driver that carries calls over them.
//!
//! It is for Linux: sockets are used as Linux has them.
//!
//! A [`Link`] takes and gives whole messages. A [`Driver`] owns one link alone, takes what arrives to the
//! call table or up the ladder, and writes what comes of it; both ends of a connection run the same one.
//! A [`Connection`] is the handle through which calls are made. Datagrams that come from anybody are
//! served by [`datagram::serve`].

pub mod activity;
mod backward;
pub mod budget;
mod calls;
mod clock;
pub mod connection;
pub mod datagram;
pub mod driver;
mod heap;
pub mod limits;
pub mod link;
pub mod pool;
pub mod rates;
mod serving;
pub mod socket;
pub mod stop;
pub mod stream;
#[cfg(feature = "testing")]
pub mod testing;
mod turn;
#[cfg(test)]
mod woken;
mod worker;

pub use activity::Activity;
pub use budget::Budget;
pub use connection::Connection;
pub use datagram::DatagramLink;
pub use driver::Driver;
pub use limits::{Limits, Pace};
pub use link::{Arrived, Link};
pub use pool::LadderPool;
pub use stop::{Stop, Stopped};
pub use stream::StreamLink;
