//! What callers are granted: how much of everything, and for how long.

use std::time::Duration;

use oncrpc::record::RecordLimits;
use oncrpc_server::ServerLimits;
use oncrpc_transport::datagram::DatagramLimits;
use oncrpc_transport::rates::{Bounds, Rate};
use oncrpc_transport::{Limits, Pace};

use crate::settings::Settings;

/// Datagrams from elsewhere that are looked at.
///
/// A host that asks for its NFS server's ports at boot sends some dozens, and one answer costs 10 µs, so that all of them
/// take a fifth of a core at most. No more than 2,100 networks can have spent anything at a time.
pub const RATES: Bounds = Bounds {
    per_source: Rate {
        per_second: 200,
        at_once: 400,
    },
    in_all: Rate {
        per_second: 20_000,
        at_once: 2_000,
    },
    rows: 4_096,
};

/// The rates that are set, with as much at once in relation to them.
fn rates(settings: &Settings) -> Bounds {
    let per_source = settings.udp_calls_per_network.value as u32;
    let in_all = settings.udp_calls_per_second.value as u32;
    Bounds {
        per_source: Rate {
            per_second: per_source,
            at_once: per_source.saturating_mul(2),
        },
        in_all: Rate {
            per_second: in_all,
            at_once: in_all.div_ceil(10),
        },
        ..RATES
    }
}

/// Connections that there may be, of `wanted`, where there are so many descriptors for them: a place that there is no
/// descriptor for is none. Some are left for what is opened later: signals and changes of interfaces for ever; a journal
/// that is written anew, hosts.allow that is read, a connection that is closed at once for a moment.
pub fn places(wanted: usize, descriptors: usize) -> usize {
    const FOR_OTHERS: usize = 16;
    wanted.min(descriptors.saturating_sub(FOR_OTHERS)).max(2)
}

/// What callers are granted.
///
/// 9,000 bytes are libtirpc's RPC_MAXDATASIZE, which rpcbind takes and gives at most over UDP, and takes at
/// most over TCP. Unix connections are never idle for too long: the kernel keeps one to us for ever.
pub fn of(settings: &Settings) -> ServerLimits {
    let connection = Limits {
        record: RecordLimits {
            record: 9000,
            fragments: 64,
        },
        in_flight: 64,
        unsent: 16 * 1024,
        first_record: Some(Duration::from_secs(10)),
        header: Duration::from_secs(5),
        mid_record: Duration::from_secs(10),
        pace: Some(Pace {
            grace: Duration::from_secs(2),
            bytes_per_second: 1024,
        }),
        write_stall: Duration::from_secs(5),
        idle: Some(Duration::from_secs(settings.idle_seconds.value as u64)),
        busy_poll: None,
    };
    ServerLimits {
        connection,
        unix_connection: Limits {
            first_record: None,
            idle: None,
            ..connection
        },
        bytes: 32 << 20,
        datagram: DatagramLimits {
            receive: 9000,
            send: 9000,
            in_flight: 1024,
            in_flight_per_source: 64,
            rates: Some(rates(settings)),
            refuse_odd_sources: true,
        },
        connections: settings.connections.value,
        evict_after: Some(Duration::from_secs(10)),
        reserved: settings.connections_reserved.value,
        per_address: settings.connections_per_address.value,
        // Whoever is on this host is not counted, so that a script that asks often is answered often.
        per_uid: usize::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_descriptor_for_each_place() {
        for (wanted, descriptors, places_there_are) in [
            (4096, 1_048_000, 4096),
            (4096, 4112, 4096),
            (4096, 4111, 4095),
            (4096, 1000, 984),
            (4096, 10, 2),
            (2, 1000, 2),
        ] {
            assert_eq!(places(wanted, descriptors), places_there_are);
        }
    }

    #[test]
    fn what_is_granted_is_what_is_set() {
        let mut settings = Settings::default();
        settings.udp_calls_per_network.value = 7;
        settings.udp_calls_per_second.value = 95;
        settings.idle_seconds.value = 11;
        settings.connections.value = 12;
        settings.connections_reserved.value = 3;
        settings.connections_per_address.value = 4;
        let granted = of(&settings);
        let rate = |per_second, at_once| Rate {
            per_second,
            at_once,
        };
        let rates = granted.datagram.rates.unwrap();
        assert_eq!(
            (rates.per_source, rates.in_all),
            (rate(7, 14), rate(95, 10))
        );
        assert_eq!(granted.connection.idle, Some(Duration::from_secs(11)));
        assert_eq!(
            (granted.connections, granted.reserved, granted.per_address),
            (12, 3, 4)
        );
    }

    #[test]
    fn what_is_not_set_is_what_the_security_page_says() {
        let granted = of(&Settings::default());
        let Limits {
            record,
            in_flight,
            unsent,
            first_record,
            header,
            mid_record,
            pace,
            write_stall,
            idle,
            busy_poll,
        } = granted.connection;
        assert_eq!((record.record, record.fragments), (9_000, 64));
        assert_eq!((in_flight, unsent), (64, 16_384));
        let seconds = Duration::from_secs;
        assert_eq!([header, mid_record, write_stall], [5, 10, 5].map(seconds));
        assert_eq!([first_record, idle], [10, 60].map(seconds).map(Some));
        assert_eq!(busy_poll, None);
        let grace = seconds(2);
        let bytes_per_second = 1_024;
        let expected = Pace {
            grace,
            bytes_per_second,
        };
        assert_eq!(pace, Some(expected));

        let unix = granted.unix_connection;
        assert_eq!((unix.first_record, unix.idle), (None, None));
        assert_eq!(unix.record, granted.connection.record);
        assert_eq!((unix.in_flight, unix.unsent), (in_flight, unsent));

        let DatagramLimits {
            receive,
            send,
            in_flight,
            in_flight_per_source,
            rates,
            refuse_odd_sources,
        } = granted.datagram;
        assert_eq!((receive, send), (9_000, 9_000));
        assert_eq!((in_flight, in_flight_per_source), (1_024, 64));
        assert_eq!(rates, Some(RATES));
        assert!(refuse_odd_sources);
        assert_eq!(granted.bytes, 33_554_432);
        assert_eq!(granted.evict_after, Some(seconds(10)));
        assert_eq!(
            (granted.connections, granted.reserved, granted.per_address),
            (4_096, 64, 64)
        );
        assert_eq!(granted.per_uid, usize::MAX);
    }

    #[test]
    fn no_more_networks_can_have_spent_anything_than_there_are_rows() {
        // What one of them has spent is forgotten when it is there again, here after 5 ms.
        let Bounds {
            in_all,
            rows,
            per_source,
        } = RATES;
        let meanwhile = in_all.per_second.div_ceil(per_source.per_second);
        assert!((in_all.at_once + meanwhile) as usize <= rows);
    }
}
