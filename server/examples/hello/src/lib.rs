//! The hello program: what rpcgen made of `hello.x`, for the server and the client beside this file.

include!(concat!(env!("OUT_DIR"), "/hello.rs"));

/// An rpcbind as users name it: `this-host`, `tcp:ADDRESS:PORT` or `unix:PATH`.
pub fn rpcbind_at(text: &str) -> Result<oncrpc_client::RpcbindAt, String> {
    use oncrpc_client::{Endpoint, RpcbindAt};
    match text.split_once(':') {
        None if text == "this-host" => Ok(RpcbindAt::ThisHost),
        Some(("unix", path)) => Ok(RpcbindAt::Endpoint(Endpoint::Unix(path.into()))),
        Some(("tcp", address)) => match address.parse() {
            Ok(address) => Ok(RpcbindAt::Endpoint(Endpoint::Tcp(address))),
            Err(error) => Err(format!("{address}: {error}")),
        },
        _ => Err("an rpcbind is this-host, tcp:ADDRESS:PORT or unix:PATH".to_owned()),
    }
}
