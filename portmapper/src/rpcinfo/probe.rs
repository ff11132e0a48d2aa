//! Whether all that is registered on a host answers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use oncrpc::netid::{Family, Netid};
use oncrpc::proto::rpcb::Rpcb;
use oncrpc::uaddr::Uaddr;
use oncrpc::{CallError, Refusal};
use oncrpc_client::Endpoint;
use tokio::task::JoinSet;

use super::connect::{Patience, addresses, connect, endpoint};
use super::contact::Contact;
use super::failure::call_text;
use super::layout::findings::{Finding, Outcome, findings};
use super::layout::json;
use super::ping::Null;
use super::{Context, Stop, Terminal};
use crate::interfaces;

/// Programs that are called at once.
pub const AT_ONCE: usize = 32;

/// Time for all of it, unless another is given: a host may have registered thousands that do not answer.
pub const WHOLE_TIME: Duration = Duration::from_secs(60);

/// Time for one of them.
const NULL_TIME: Duration = Duration::from_secs(5);

/// Calls everything that is registered, and says what answers.
pub async fn probe(
    cx: &Context,
    host: Option<&str>,
    terminal: &mut Terminal<'_>,
) -> Result<(), Stop> {
    let patience = cx.patience.or(WHOLE_TIME);
    let (contact, asked) = match host {
        None => (Contact::local(cx).await, Asked::this_host(None)),
        Some(host) => {
            let found = addresses(host, cx.port, cx.patience).await;
            let ips = found.iter().map(SocketAddr::ip).collect();
            (Contact::of_host(cx, host).await, Asked::host(ips))
        }
    };
    let contact = contact.map_err(Stop::no_contact)?;
    let list = contact.registrations().await.map_err(Stop::no_answer)?;
    let found = call_all(list, &asked, patience).await;
    let layout = match cx.json {
        false => findings,
        true => json::findings,
    };
    terminal.print(&layout(&found, &cx.names))?;
    let well = |finding: &Finding| !matches!(finding.outcome, Outcome::Dead(_) | Outcome::TooLate);
    match found.iter().all(well) {
        true => Ok(()),
        false => Err(Stop::Said),
    }
}

/// Calls all that can be called, [`AT_ONCE`] at a time; the findings are in the order of the list.
async fn call_all(list: Vec<Rpcb>, asked: &Asked, patience: Patience) -> Vec<Finding> {
    let mut outcomes: Vec<Option<Outcome>> = Vec::new();
    let mut calls = JoinSet::new();
    for (at, entry) in list.iter().enumerate() {
        let place = asked.place(entry);
        outcomes.push(place.as_ref().err().map(|why| Outcome::NotCalled(why)));
        let Ok(place) = place else { continue };
        if calls.len() == AT_ONCE {
            note(calls.join_next().await, &mut outcomes);
        }
        let (program, version) = (entry.r_prog, entry.r_vers);
        calls.spawn(async move { (at, call(&place, program, version, patience).await) });
    }
    while !calls.is_empty() {
        note(calls.join_next().await, &mut outcomes);
    }
    let outcomes = outcomes.into_iter();
    let outcomes = outcomes.map(|outcome| outcome.unwrap_or(Outcome::TooLate));
    list.into_iter()
        .zip(outcomes)
        .map(|(entry, outcome)| Finding { entry, outcome })
        .collect()
}

/// Notes what a call has come to, at its place in the list.
fn note(
    ended: Option<Result<(usize, Outcome), tokio::task::JoinError>>,
    outcomes: &mut [Option<Outcome>],
) {
    if let Some(Ok((at, outcome))) = ended
        && let Some(place) = outcomes.get_mut(at)
    {
        *place = Some(outcome);
    }
}

async fn call(place: &Endpoint, program: u32, version: u32, patience: Patience) -> Outcome {
    let time = patience.step(NULL_TIME);
    if time.is_zero() {
        return Outcome::TooLate;
    }
    let step = Patience::new(Some(time));
    let connection = match connect(place, step).await {
        Ok(connection) => connection,
        Err(failure) => return Outcome::Dead(failure.before_the_call()),
    };
    let null = Null {
        connection,
        program,
        patience: step,
    };
    let begin = Instant::now();
    match null.call(version).await {
        // That it does not believe us is an answer of the program, too.
        Ok(()) | Err(CallError::Refused(Refusal::Auth(_))) => Outcome::Answers(begin.elapsed()),
        Err(error) => Outcome::Dead(call_text(&error)),
    }
}

/// The host that was asked, by its addresses: nobody else is called, whatever its rpcbind says.
#[derive(Debug)]
struct Asked {
    /// Whether it is this one, whose Unix sockets can be connected to.
    here: bool,
    /// The first of a family stands for wildcards.
    ips: Vec<IpAddr>,
}

impl Asked {
    /// This host, by one of its addresses or by its socket.
    fn this_host(by: Option<Vec<IpAddr>>) -> Self {
        let mut ips = by.unwrap_or_default();
        ips.extend([
            IpAddr::from(Ipv4Addr::LOCALHOST),
            IpAddr::from(Ipv6Addr::LOCALHOST),
        ]);
        let interfaces = interfaces::read().unwrap_or_default();
        ips.extend(interfaces.iter().map(|interface| interface.address));
        Self { here: true, ips }
    }

    /// A host of these addresses.
    fn host(ips: Vec<IpAddr>) -> Self {
        match ips.iter().any(IpAddr::is_loopback) {
            true => Self::this_host(Some(ips)),
            false => Self { here: false, ips },
        }
    }

    /// Where a registration can be called.
    fn place(&self, entry: &Rpcb) -> Result<Endpoint, &'static str> {
        let netid = Netid::from(&entry.r_netid);
        let transport = netid.transport().ok_or("a transport that is not known")?;
        let uaddr = Uaddr::parse(entry.r_addr.as_bytes(), transport.family);
        let uaddr = uaddr.map_err(|_| "no address of its transport")?;
        let uaddr = match uaddr {
            Uaddr::Local(_) if !self.here => return Err("only that host can call it"),
            Uaddr::Inet(at) if at.port() == 0 => return Err("no address of its transport"),
            Uaddr::Inet(mut at) if at.ip().is_unspecified() => {
                let v4 = transport.family == Family::Inet;
                let own = self.ips.iter().find(|ip| ip.is_ipv4() == v4);
                at.set_ip(*own.ok_or("the host is not known by an address of this family")?);
                Uaddr::Inet(at)
            }
            Uaddr::Inet(at) if !self.ips.contains(&at.ip()) => {
                return Err("not an address that the host was asked by");
            }
            uaddr => uaddr,
        };
        endpoint(&transport, &uaddr).ok_or("a transport that is not known")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(netid: &str, uaddr: &str) -> Rpcb {
        Rpcb {
            r_prog: 100_000,
            r_vers: 4,
            r_netid: netid.into(),
            r_addr: uaddr.into(),
            r_owner: "superuser".into(),
        }
    }

    #[test]
    fn nobody_but_the_host_that_was_asked_is_called() {
        let asked = Asked::host(vec!["192.0.2.7".parse().unwrap()]);
        let place = |netid, uaddr| asked.place(&entry(netid, uaddr));
        let tcp = |at: &str| Ok(Endpoint::Tcp(at.parse().unwrap()));
        assert_eq!(place("tcp", "0.0.0.0.0.111"), tcp("192.0.2.7:111"));
        assert_eq!(place("tcp", "192.0.2.7.8.1"), tcp("192.0.2.7:2049"));
        for (netid, uaddr) in [
            ("tcp", "192.0.2.8.0.111"),
            ("tcp", "127.0.0.1.0.111"),
            ("udp", "192.0.2.7.0.0"),
            ("tcp6", "::.0.111"),
            ("tcp6", "2001:db8::1.0.111"),
            ("local", "/run/rpcbind.sock"),
            ("sctp", "0.0.0.0.0.111"),
            ("tcp", "junk"),
        ] {
            assert!(place(netid, uaddr).is_err(), "{netid} {uaddr}");
        }
    }

    #[test]
    fn this_host_is_called_by_loopback_and_by_its_sockets() {
        let asked = Asked::this_host(None);
        let path = Endpoint::Unix("/run/rpcbind.sock".into());
        assert_eq!(asked.place(&entry("local", "/run/rpcbind.sock")), Ok(path));
        let loopback = Endpoint::Udp("[::1]:111".parse().unwrap());
        assert_eq!(asked.place(&entry("udp6", "::.0.111")), Ok(loopback));
        assert!(asked.place(&entry("tcp", "192.0.2.200.0.111")).is_err());
    }
}
