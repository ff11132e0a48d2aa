//! An rpcbind that does what it is told to and remembers what it was asked.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use oncrpc::peer::Peer;
use oncrpc::proto::portmap::{self, pmapprog};
use oncrpc::proto::rpcb::rpcbprog::{v3, v4};
use oncrpc::proto::rpcb::{RpList, Rpcb, RpcblistPtr};
use oncrpc::{CallContext, Reject, Service, Services};
use oncrpc_client::{Endpoint, RpcbindAt};
use oncrpc_transport::stream::ByteStream;
use oncrpc_transport::{Driver, LadderPool, Limits, Stop, StreamLink, socket};
use oncrpc_xdr::XdrString;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// What it answers, and what it was asked.
#[derive(Default)]
pub(crate) struct Script {
    /// The answer to GETADDR.
    pub(crate) uaddr: &'static str,
    /// The answer to GETPORT.
    pub(crate) port: u32,
    /// The list that DUMP gives.
    pub(crate) list: Vec<Rpcb>,
    /// Netids for which SET answers FALSE.
    pub(crate) taken: Vec<&'static str>,
    pub(crate) log: Mutex<Vec<String>>,
    /// Connections that were made to it.
    pub(crate) accepted: AtomicUsize,
    /// GETTIME waits for one of these.
    pub(crate) permits: Permits,
}

/// None to begin with.
pub(crate) struct Permits(pub(crate) Semaphore);

impl Default for Permits {
    fn default() -> Self {
        Self(Semaphore::new(0))
    }
}

impl Script {
    /// What it was asked, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    fn note(&self, what: String) {
        self.log.lock().unwrap().push(what);
    }

    fn set(&self, version: u32, arg: &Rpcb) -> bool {
        self.note(format!("v{version} SET {} {}", arg.r_netid, arg.r_addr));
        !self.taken.iter().any(|taken| arg.r_netid == *taken)
    }

    fn unset(&self, version: u32, arg: &Rpcb) -> bool {
        self.note(format!("v{version} UNSET {:?}", arg.r_netid));
        true
    }
}

impl v4::Server for Script {
    async fn set(&self, _: &CallContext, arg: Rpcb) -> Result<bool, Reject> {
        Ok(self.set(4, &arg))
    }

    async fn unset(&self, _: &CallContext, arg: Rpcb) -> Result<bool, Reject> {
        Ok(self.unset(4, &arg))
    }

    async fn getaddr(&self, _: &CallContext, arg: Rpcb) -> Result<XdrString, Reject> {
        self.note(format!("v4 GETADDR {} hint {}", arg.r_netid, arg.r_addr));
        Ok(self.uaddr.into())
    }

    async fn dump(&self, _: &CallContext) -> Result<RpcblistPtr, Reject> {
        self.note("v4 DUMP".to_owned());
        Ok(self
            .list
            .iter()
            .cloned()
            .map(|rpcb_map| RpList { rpcb_map })
            .collect())
    }

    async fn gettime(&self, cx: &CallContext) -> Result<u32, Reject> {
        self.permits
            .0
            .acquire()
            .await
            .map_err(|_| Reject::SystemErr)?
            .forget();
        Ok(cx.xid())
    }
}

impl v3::Server for Script {
    async fn getaddr(&self, _: &CallContext, arg: Rpcb) -> Result<XdrString, Reject> {
        self.note(format!("v3 GETADDR {}", arg.r_netid));
        Ok(self.uaddr.into())
    }
}

impl pmapprog::v2::Server for Script {
    async fn getport(&self, _: &CallContext, arg: portmap::Mapping) -> Result<u32, Reject> {
        self.note(format!("v2 GETPORT {}", arg.prot));
        Ok(self.port)
    }
}

/// A running fake; ends when dropped.
pub(crate) struct Fake {
    pub(crate) script: Arc<Script>,
    pub(crate) endpoint: Endpoint,
    /// Says to its connections that they end.
    stop: Arc<Mutex<Stop>>,
    tasks: JoinSet<()>,
}

impl Fake {
    /// Starts one that speaks these versions, over TCP.
    pub(crate) async fn start(script: Script, versions: &[u32]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = Endpoint::Tcp(listener.local_addr().unwrap());
        let listener = Arc::new(listener);
        let accept = move || {
            let listener = listener.clone();
            async move {
                let (stream, _) = listener.accept().await.unwrap();
                let peer = socket::tcp_peer(&stream).unwrap();
                (stream, peer)
            }
        };
        Self::serve(endpoint, accept, script, versions)
    }

    /// Starts one at the abstract name of a Unix socket. Connecting to it and calling it takes no time at all,
    /// which makes it the one for a clock that runs ahead when there is nothing to do.
    pub(crate) fn local(name: &str, script: Script, versions: &[u32]) -> Self {
        let listener = socket::unix_abstract(name.as_bytes()).unwrap();
        let listener = UnixListener::from_std(listener).unwrap();
        let listener = Arc::new(listener);
        let accept = move || {
            let listener = listener.clone();
            async move {
                let (stream, _) = listener.accept().await.unwrap();
                let peer = socket::unix_peer(&stream).unwrap();
                (stream, peer)
            }
        };
        let endpoint = Endpoint::Abstract(name.into());
        Self::serve(endpoint, accept, script, versions)
    }

    fn serve<S: ByteStream, F: Future<Output = (S, Peer)> + Send>(
        endpoint: Endpoint,
        accept: impl Fn() -> F + Send + 'static,
        script: Script,
        versions: &[u32],
    ) -> Self {
        let script = Arc::new(script);
        let service = |version: &u32| -> Arc<dyn Service> {
            match version {
                2 => pmapprog::v2::service(script.clone()),
                3 => v3::service(script.clone()),
                _ => v4::service(script.clone()),
            }
        };
        let services = Arc::new(Services::new(versions.iter().map(service)));
        let ladders = Arc::new(LadderPool::new(services));
        let stop = Arc::new(Mutex::new(Stop::new()));
        let now = stop.clone();
        let mut tasks = JoinSet::new();
        let accepting = script.clone();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, peer) = accept().await;
                accepting.accepted.fetch_add(1, Ordering::Relaxed);
                let link = StreamLink::new(stream, Limits::SERVER.record);
                let driver = Driver::new(link, Limits::SERVER);
                let stop = now.lock().unwrap().subscribe();
                connections.spawn(driver.serving(ladders.clone(), peer, stop).run());
            }
        });
        Self {
            script,
            endpoint,
            stop,
            tasks,
        }
    }

    /// Ends its connections, and each that comes, until it [goes on](Self::go_on).
    pub(crate) fn stop(&self) {
        self.stop.lock().unwrap().stop();
    }

    /// Serves connections again.
    pub(crate) fn go_on(&self) {
        *self.stop.lock().unwrap() = Stop::new();
    }

    /// Ends it, connections and all; nobody is at its address any more.
    pub(crate) async fn end(mut self) {
        self.tasks.shutdown().await;
    }

    /// Connections that were made to it.
    pub(crate) fn accepted(&self) -> usize {
        self.script.accepted.load(Ordering::Relaxed)
    }

    pub(crate) fn at(&self) -> RpcbindAt {
        RpcbindAt::Endpoint(self.endpoint.clone())
    }

    /// The address of one that is served over TCP.
    pub(crate) fn address(&self) -> SocketAddr {
        self.endpoint.inet().unwrap()
    }
}

/// An abstract name that no other run of these tests has.
pub(crate) fn unique(name: &str) -> String {
    format!("oncrpc-test-{}/{name}", std::process::id())
}
