//! What `extern_types.x` takes from elsewhere.

use oncrpc_xdr::{Decode, DecodeError, Encode, EncodeError, Reader, Writer};

/// A type that no .x file defines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Outside(pub u32);

impl Encode for Outside {
    fn encoded_len(&self) -> usize {
        4
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u32(self.0);
        Ok(())
    }
}

impl Decode for Outside {
    const MIN_LEN: usize = 4;

    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.u32().map(Self)
    }
}
