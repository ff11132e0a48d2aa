//! Serves every.x over every transport, for tests: `hostile-every SOCKET PORT`, the port of 127.0.0.1 and of ::1. It
//! says when it is ready, and ends with its standard input.

use std::error::Error;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use oncrpc::{CallContext, Reject};
use oncrpc_server::{Listen, Server};
use oncrpc_tests::every::every_program::v1;
use oncrpc_tests::every::{
    Blob, Digest, Everything, NodeList, Numbers, Point, PointOrNone, Points, Shape, ShapeKind,
    Text, Texts, Tree,
};

/// Answers what it is asked.
struct Echo;

/// Procedures that answer their argument.
macro_rules! echo {
    ($($procedure:ident: $type:ty),* $(,)?) => {
        impl v1::Server for Echo {
            $(async fn $procedure(&self, _: &CallContext, it: $type) -> Result<$type, Reject> {
                Ok(it)
            })*
        }
    };
}

echo! {
    text: Text,
    blob: Blob,
    digest: Digest,
    point: Point,
    list: NodeList,
    shape: Shape,
    kind: ShapeKind,
    points: Points,
    texts: Texts,
    numbers: Numbers,
    flag: bool,
    ratio: f64,
    hyper: i64,
    option: PointOrNone,
    tree: Tree,
    everything: Everything,
}

/// TCP and UDP at this port, over IPv4 and IPv6.
fn listen(port: u16) -> [Listen; 4] {
    let at = |ip: IpAddr| (ip, port).into();
    let (v4, v6) = (
        at(Ipv4Addr::LOCALHOST.into()),
        at(Ipv6Addr::LOCALHOST.into()),
    );
    [
        Listen::Tcp(v4),
        Listen::Udp(v4),
        Listen::Tcp(v6),
        Listen::Udp(v6),
    ]
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let socket = args.next().ok_or("which socket?")?;
    let port = args.next().ok_or("which port?")?.parse()?;
    let mut server = Server::new().service(v1::service(Arc::new(Echo)));
    for listen in listen(port)
        .into_iter()
        .chain([Listen::Unix(socket.into())])
    {
        server = server.listen(listen);
    }
    let _running = server.start().await?;
    println!("ready");
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    Ok(())
}
