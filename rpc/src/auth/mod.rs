//! Credentials and verifiers: [RFC 5531 §8.2](https://www.rfc-editor.org/rfc/rfc5531#section-8.2) and appendix A.

mod client;
mod server;

pub use client::{AuthError, AuthNone, AuthSys, ClientAuth, Refresh, Token};
pub use server::{AuthVerdict, Identity, ServerAuth, StandardAuth};

use crate::message::words;
use oncrpc_xdr::{DecodeError, EncodeError, Reader, Writer};

/// Longest body of a credential or verifier, in bytes.
///
/// RFC 5531 §8.2 declares `opaque body<400>`. A longer one is answered AUTH_BADCRED (or AUTH_BADVERF);
/// libtirpc 1.3.3 falls silent on UDP and closes the connection on TCP.
pub const MAX_AUTH_BODY: u32 = 400;

/// Numbers of flavors, as [IANA lists them](https://www.rfc-editor.org/rfc/rfc5531#section-13).
pub mod flavor {
    /// `AUTH_NONE`: nobody in particular.
    pub const NONE: u32 = 0;
    /// `AUTH_SYS`: a host name, a user and groups, all of it claimed.
    pub const SYS: u32 = 1;
    /// `AUTH_SHORT`: a server's short name for a credential it has seen.
    pub const SHORT: u32 = 2;
    /// `AUTH_DH`, known as `AUTH_DES`: broken long ago.
    pub const DH: u32 = 3;
    /// `RPCSEC_GSS` (RFC 2203).
    pub const GSS: u32 = 6;
    /// `AUTH_TLS`, the probe of RPC-with-TLS (RFC 9289).
    pub const TLS: u32 = 7;
}

/// A credential or verifier where it stands in a message: `opaque_auth`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthRef<'a> {
    /// How the body is to be read; see [`flavor`].
    pub flavor: u32,
    /// At most [`MAX_AUTH_BODY`] bytes in a legal message.
    pub body: &'a [u8],
}

impl<'a> AuthRef<'a> {
    /// `AUTH_NONE` with nothing in it.
    pub const NONE: Self = AuthRef {
        flavor: flavor::NONE,
        body: &[],
    };

    /// The one at the front of these bytes, of any length that is there (that it is too long is for the caller to
    /// answer), and what is behind it; `None` if it is cut short.
    #[inline(always)]
    pub(crate) fn split_first(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (head, behind) = bytes.split_first_chunk::<8>()?;
        let [flavor, len] = words(head)?;
        let (body, behind) = behind.split_at_checked(len as usize)?;
        let padding = len.wrapping_neg() % 4;
        let behind = behind.get(padding as usize..)?;
        Some((Self { flavor, body }, behind))
    }

    /// Reads one that is no longer than RFC 5531 allows.
    pub(crate) fn read_bounded(r: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            flavor: r.u32()?,
            body: r.opaque_borrowed(MAX_AUTH_BODY)?,
        })
    }

    /// Bytes of the body with those that pad it.
    #[inline]
    pub(crate) fn padded(&self) -> usize {
        self.body.len().next_multiple_of(4)
    }

    /// Whether the body is longer than RFC 5531 allows.
    pub(crate) fn is_too_long(&self) -> bool {
        self.body.len() > MAX_AUTH_BODY as usize
    }

    /// Writes it, unless the body is longer than RFC 5531 allows.
    pub(crate) fn write(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u32(self.flavor);
        w.opaque_borrowed(self.body, MAX_AUTH_BODY)
    }
}
