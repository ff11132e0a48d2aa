//! Stand-in until the generator's own output lands.
#![allow(missing_docs)]
use oncrpc_xdr::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuthStat {
    Ok,
    Badcred,
    Rejectedcred,
    Badverf,
    Rejectedverf,
    Tooweak,
    Invalidresp,
    Failed,
    Unknown(Unknown),
}
impl Enumeration for AuthStat {
    fn listed(value: i32) -> Option<Self> {
        Some(match value {
            0 => Self::Ok,
            1 => Self::Badcred,
            2 => Self::Rejectedcred,
            3 => Self::Badverf,
            4 => Self::Rejectedverf,
            5 => Self::Tooweak,
            6 => Self::Invalidresp,
            7 => Self::Failed,
            _ => return None,
        })
    }
    fn unknown(value: Unknown) -> Self {
        Self::Unknown(value)
    }
    fn value(self) -> i32 {
        match self {
            Self::Ok => 0,
            Self::Badcred => 1,
            Self::Rejectedcred => 2,
            Self::Badverf => 3,
            Self::Rejectedverf => 4,
            Self::Tooweak => 5,
            Self::Invalidresp => 6,
            Self::Failed => 7,
            Self::Unknown(u) => u.value(),
        }
    }
}
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AuthsysParms {
    pub stamp: u32,
    pub machinename: XdrString,
    pub uid: u32,
    pub gid: u32,
    pub gids: Vec<u32>,
}
impl Encode for AuthsysParms {
    fn encoded_len(&self) -> usize {
        16 + self.machinename.encoded_len() + 4 * self.gids.len()
    }
    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u32(self.stamp);
        w.string(&self.machinename, 255).at("machinename")?;
        w.u32(self.uid);
        w.u32(self.gid);
        w.array::<u32>(&self.gids, 16).at("gids")
    }
}
impl Decode for AuthsysParms {
    const MIN_LEN: usize = 20;
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            stamp: r.u32()?,
            machinename: r.string(255).at("machinename")?,
            uid: r.u32()?,
            gid: r.u32()?,
            gids: r.array::<u32>(16).at("gids")?,
        })
    }
}
