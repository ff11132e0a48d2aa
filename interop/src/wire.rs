use std::fmt;

/// The program number of rpcbind and of the portmapper before it.
pub const PMAPPROG: u32 = 100_000;

/// A call, from its parts, right or wrong: what a test sends.
#[derive(Clone)]
pub struct Message {
    xid: u32,
    message_type: u32,
    rpc_version: u32,
    program: u32,
    version: u32,
    procedure: u32,
    credential: (u32, Vec<u8>),
    verifier: (u32, Vec<u8>),
    arguments: Vec<u8>,
    cut: Option<usize>,
    fragments: Vec<usize>,
}

/// A well-formed call of rpcbind with nobody's credential and no arguments yet.
pub fn call(version: u32, procedure: u32) -> Message {
    Message {
        xid: XID,
        message_type: 0,
        rpc_version: 2,
        program: PMAPPROG,
        version,
        procedure,
        credential: (0, Vec::new()),
        verifier: (0, Vec::new()),
        arguments: Vec::new(),
        cut: None,
        fragments: Vec::new(),
    }
}

impl Message {
    /// Adds an unsigned int to the arguments.
    pub fn u32(mut self, value: u32) -> Self {
        self.arguments.extend(value.to_be_bytes());
        self
    }

    /// Adds several.
    pub fn u32s(self, values: &[u32]) -> Self {
        values
            .iter()
            .fold(self, |message, &value| message.u32(value))
    }

    /// Adds a string or variable opaque data.
    pub fn opaque(mut self, bytes: impl AsRef<[u8]>) -> Self {
        put_opaque(&mut self.arguments, bytes.as_ref());
        self
    }

    /// Adds `struct rpcb`: program, version, netid, address, owner.
    pub fn rpcb(self, program: u32, version: u32, netid: &str, address: &str, owner: &str) -> Self {
        self.u32(program)
            .u32(version)
            .opaque(netid)
            .opaque(address)
            .opaque(owner)
    }

    /// Adds bytes as they are.
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.arguments.extend(bytes);
        self
    }

    /// Calls this version.
    pub fn version(self, version: u32) -> Self {
        Self { version, ..self }
    }

    /// Calls this program instead of rpcbind.
    pub fn program(self, program: u32) -> Self {
        Self { program, ..self }
    }

    /// Is known by this xid.
    pub fn xid(self, xid: u32) -> Self {
        Self { xid, ..self }
    }

    /// Says that it is of this version of the RPC protocol.
    pub fn rpc_version(self, rpc_version: u32) -> Self {
        Self {
            rpc_version,
            ..self
        }
    }

    /// Says that it is this type of message (0 CALL, 1 REPLY).
    pub fn message_type(self, message_type: u32) -> Self {
        Self {
            message_type,
            ..self
        }
    }

    /// Carries this credential.
    pub fn credential(self, flavor: u32, body: Vec<u8>) -> Self {
        Self {
            credential: (flavor, body),
            ..self
        }
    }

    /// Carries an AUTH_SYS credential.
    pub fn auth_sys(self, uid: u32, gids: &[u32]) -> Self {
        let mut body = words(&[0]);
        put_opaque(&mut body, b"host");
        body.extend(words(&[uid, uid, gids.len() as u32]));
        body.extend(words(gids));
        self.credential(1, body)
    }

    /// Carries this verifier.
    pub fn verifier(self, flavor: u32, body: Vec<u8>) -> Self {
        Self {
            verifier: (flavor, body),
            ..self
        }
    }

    /// Ends after so many bytes of the message.
    pub fn cut(self, length: usize) -> Self {
        Self {
            cut: Some(length),
            ..self
        }
    }

    /// Travels over streams in fragments of these lengths and, where bytes remain, a last one.
    pub fn fragments(self, lengths: &[usize]) -> Self {
        Self {
            fragments: lengths.to_vec(),
            ..self
        }
    }

    /// The message.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = words(&[
            self.xid,
            self.message_type,
            self.rpc_version,
            self.program,
            self.version,
            self.procedure,
        ]);
        for (flavor, body) in [&self.credential, &self.verifier] {
            bytes.extend(flavor.to_be_bytes());
            put_opaque(&mut bytes, body);
        }
        bytes.extend(&self.arguments);
        bytes.truncate(self.cut.unwrap_or(bytes.len()));
        bytes
    }

    /// The record that carries it over a stream: one fragment unless [`fragments`](Self::fragments)
    /// says otherwise.
    pub fn record(&self) -> Vec<u8> {
        let message = self.bytes();
        let mut rest = &message[..];
        let mut record = Vec::new();
        for (index, &length) in self.fragments.iter().enumerate() {
            let (fragment, after) = rest.split_at(length);
            rest = after;
            let last = rest.is_empty() && index + 1 == self.fragments.len();
            put_fragment(&mut record, fragment, last);
        }
        if !rest.is_empty() || self.fragments.is_empty() {
            put_fragment(&mut record, rest, true);
        }
        record
    }

    /// The call that follows every other on its connection or socket: its answer shows that the
    /// other has got all the answers that it will get.
    pub(crate) fn last_word() -> Self {
        call(2, 0).xid(LAST_XID)
    }

    /// Whether a message is a reply to it.
    pub fn is_answered_by(&self, reply: &[u8]) -> bool {
        reply.starts_with(&self.xid.to_be_bytes())
    }
}

/// The replies to a [`call`], from their parts: what a test expects.
pub struct Reply;

impl Reply {
    /// SUCCESS and these words.
    pub fn success(results: &[u32]) -> Vec<u8> {
        [words(&[XID, 1, 0, 0, 0, 0]), words(results)].concat()
    }

    /// Accepted, but PROG_UNAVAIL (1), PROC_UNAVAIL (3), GARBAGE_ARGS (4) or SYSTEM_ERR (5).
    pub fn accepted(status: u32) -> Vec<u8> {
        words(&[XID, 1, 0, 0, 0, status])
    }

    /// Denied, AUTH_ERROR for this reason.
    pub fn auth_error(reason: u32) -> Vec<u8> {
        words(&[XID, 1, 1, 1, reason])
    }

    /// Denied, RPC_MISMATCH: version 2 alone is known.
    pub fn rpc_mismatch() -> Vec<u8> {
        words(&[XID, 1, 1, 0, 2, 2])
    }
}

/// Words as they travel.
pub fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn put_opaque(into: &mut Vec<u8>, bytes: &[u8]) {
    into.extend((bytes.len() as u32).to_be_bytes());
    into.extend(bytes);
    into.resize(into.len().next_multiple_of(4), 0);
}

fn put_fragment(into: &mut Vec<u8>, bytes: &[u8], last: bool) {
    let length = bytes.len() as u32;
    into.extend((if last { length | LAST_FRAGMENT } else { length }).to_be_bytes());
    into.extend(bytes);
}

/// Bytes as a reader of the RFC wants them: the words in decimal, text beside them where there is.
pub(crate) fn show(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut list = f.debug_list();
    let chunks = bytes.chunks_exact(4);
    let rest = chunks.remainder();
    for chunk in chunks {
        let printable = chunk
            .iter()
            .all(|&byte| byte == 0 || (0x20..0x7f).contains(&byte));
        let text = String::from_utf8_lossy(chunk);
        match text.trim_end_matches('\0') {
            text if printable && !text.is_empty() && chunk[0] != 0 => list.entry(&text),
            _ => list.entry(&u32::from_be_bytes([
                chunk[0], chunk[1], chunk[2], chunk[3],
            ])),
        };
    }
    if !rest.is_empty() {
        list.entry(&rest);
    }
    list.finish()
}

const XID: u32 = 7;
const LAST_XID: u32 = 0x7fff_ffff;
/// RFC 5531 section 11: the top bit of a fragment's header says that it is the record's last.
pub(crate) const LAST_FRAGMENT: u32 = 1 << 31;
