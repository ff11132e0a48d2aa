//! Generates tonic's client and server of one procedure without protoc.

use tonic_build::manual::{Builder, Method, Service};

fn main() {
    let null = Method::builder()
        .name("null")
        .route_name("Null")
        .input_type("crate::Empty")
        .output_type("crate::Empty")
        .codec_path("tonic_prost::ProstCodec")
        .build();
    let hello = Service::builder()
        .name("Hello")
        .package("hello")
        .method(null)
        .build();
    Builder::new().compile(&[hello]);
}
