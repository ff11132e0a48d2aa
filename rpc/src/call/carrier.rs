//! What callers are made of: something that carries encoded arguments there, and encoded results back.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use oncrpc_xdr::{EncodeError, Reader, Wire, Writer};

use crate::call::caller::{
    Args, CallOptions, Caller, OneWay, Procedure, ProcedureId, RawCaller, Results,
};
use crate::call::error::CallError;

/// Something that carries calls. That makes it a [`Caller`], a [`OneWay`] and a [`RawCaller`].
pub trait Carrier: Clone + Send + Sync {
    /// Makes one call; gives back the body of its reply.
    fn carry(
        &self,
        id: ProcedureId,
        args: &impl Arguments,
        options: &CallOptions,
    ) -> impl Future<Output = Result<Bytes, CallError>> + Send;

    /// Sends one call that nobody waits for, as [`OneWay::send`] has it.
    fn carry_one_way(
        &self,
        id: ProcedureId,
        args: &impl Arguments,
        options: &CallOptions,
    ) -> impl Future<Output = Result<(), CallError>> + Send;
}

/// The arguments of a call that is carried.
pub trait Arguments: Send + Sync {
    /// Encodes them.
    fn write(&self, w: &mut Writer) -> Result<(), EncodeError>;

    /// What [`write`](Self::write) writes, by itself.
    fn to_bytes(&self) -> Result<Bytes, EncodeError> {
        let mut w = Writer::new();
        self.write(&mut w)?;
        Ok(w.into_bytes())
    }
}

/// Arguments of procedure `P`.
struct Typed<'a, P: Procedure>(&'a Args<P>);

impl<P: Procedure> Arguments for Typed<'_, P> {
    fn write(&self, w: &mut Writer) -> Result<(), EncodeError> {
        <P::Args as Wire>::encode(self.0, w)
    }
}

/// Arguments that are encoded already, and kept to be sent again.
impl Arguments for Writer {
    fn write(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.extend_from(self);
        Ok(())
    }
}

/// Arguments that are encoded already.
impl Arguments for Bytes {
    fn write(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.raw_shared(self);
        Ok(())
    }

    fn to_bytes(&self) -> Result<Bytes, EncodeError> {
        Ok(self.clone())
    }
}

impl<C: Carrier> Caller for C {
    async fn call<P: Procedure>(
        &self,
        args: &Args<P>,
        options: &CallOptions,
    ) -> Result<Results<P>, CallError> {
        let args = Typed::<P>(args);
        let body = self.carry(P::INFO.id(), &args, options).await?;
        // Bytes behind the results are ignored, as libtirpc does.
        Ok(<P::Results as Wire>::decode(&mut Reader::of(&body))?)
    }
}

impl<C: Carrier> OneWay for C {
    async fn send<P: Procedure>(
        &self,
        args: &Args<P>,
        options: &CallOptions,
    ) -> Result<(), CallError> {
        let args = Typed::<P>(args);
        self.carry_one_way(P::INFO.id(), &args, options).await
    }
}

impl<C: Carrier + 'static> RawCaller for C {
    fn call_raw(
        &self,
        id: ProcedureId,
        args: Bytes,
        options: CallOptions,
    ) -> Pin<Box<dyn Future<Output = Result<Bytes, CallError>> + Send>> {
        let carrier = self.clone();
        Box::pin(async move { carrier.carry(id, &args, &options).await })
    }

    fn send_raw(
        &self,
        id: ProcedureId,
        args: Bytes,
        options: CallOptions,
    ) -> Pin<Box<dyn Future<Output = Result<(), CallError>> + Send>> {
        let carrier = self.clone();
        Box::pin(async move { carrier.carry_one_way(id, &args, &options).await })
    }
}
