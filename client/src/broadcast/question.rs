//! What everybody is asked, and how their replies are read.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use oncrpc::auth::{ClientAuth, Token};
use oncrpc::call::caller::Args;
use oncrpc::message::{ReplyHeader, write_call};
use oncrpc::{CallError, Procedure, ProcedureId};
use oncrpc_transport::datagram::MAX_DATAGRAM;
use oncrpc_xdr::{Wire, Writer};

use super::callit;

/// What everybody is asked: one call, or the copies of it for several versions of rpcbind.
#[derive(Debug)]
pub(super) struct Question {
    auth: Arc<dyn ClientAuth>,
    copies: Vec<Copy>,
}

/// One datagram, sent as often as need be, and what is known of the replies to it.
#[derive(Debug)]
struct Copy {
    xid: u32,
    form: Form,
    message: Bytes,
    token: Option<Token>,
}

/// What the results stand in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Nothing: it is the program itself that answers.
    Direct,
    /// What version 2 of rpcbind answers to CALLIT. It knows ports of IPv4 alone.
    Callit2,
    /// What version 3 answers.
    Callit3,
}

/// Results, and whom they are from.
pub(super) type Answer = (SocketAddr, Bytes);

impl Question {
    /// A call of `P` itself.
    pub(super) fn direct<P: Procedure>(
        xid: u32,
        auth: Arc<dyn ClientAuth>,
        args: &Args<P>,
    ) -> Result<Self, CallError> {
        let args = encode::<P>(args)?;
        let copies = vec![Copy::new(xid, Form::Direct, P::INFO.id(), &args, &*auth)?];
        Ok(Self { auth, copies })
    }

    /// A call by every rpcbind, with the arguments of `P`. As libtirpc has it, the copy for version 3 has the first xid and the one
    /// for version 2 the next: it is the xid that tells the two kinds of replies apart.
    pub(super) fn callit<P: Procedure>(
        xid: u32,
        auth: Arc<dyn ClientAuth>,
        called: ProcedureId,
        args: &Args<P>,
    ) -> Result<Self, CallError> {
        let args = encode::<P>(args)?.into_bytes();
        let (id, args3) = callit::version3(called, args.clone())?;
        let version3 = Copy::new(xid, Form::Callit3, id, &args3, &*auth)?;
        let (id, args2) = callit::version2(called, args)?;
        let version2 = Copy::new(xid.wrapping_add(1), Form::Callit2, id, &args2, &*auth)?;
        let copies = vec![version3, version2];
        Ok(Self { auth, copies })
    }

    /// The datagrams that are sent to `to`.
    pub(super) fn messages(&self, to: SocketAddr) -> impl Iterator<Item = &Bytes> {
        let copies = self.copies.iter();
        let fit = copies.filter(move |copy| to.is_ipv4() || copy.form != Form::Callit2);
        fit.map(|copy| &copy.message)
    }

    /// Reads a datagram; `None` if it does not answer the question.
    pub(super) fn answer(&self, datagram: &[u8], from: SocketAddr) -> Option<Answer> {
        let xid = ReplyHeader::xid(datagram)?;
        let copy = self.copies.iter().find(|copy| copy.xid == xid)?;
        // A copy of its own, so that who keeps a part of it keeps no more than this datagram.
        let answer = self.open(copy, &Bytes::copy_from_slice(datagram), from);
        answer
            .inspect_err(|error| log::debug!("{from} does not answer a broadcast: {error}"))
            .ok()?
    }

    fn open(
        &self,
        copy: &Copy,
        datagram: &Bytes,
        from: SocketAddr,
    ) -> Result<Option<Answer>, CallError> {
        let header = ReplyHeader::parse(datagram)?;
        let body = header.outcome.map_err(CallError::Refused)?;
        let results = datagram.slice(body.body..);
        let results = match copy.token {
            Some(token) => self.auth.open(&[token], body.verifier, results)?,
            None => results,
        };
        Ok(match copy.form {
            Form::Direct => Some((from, results)),
            Form::Callit2 => callit::answer2(&results, from)?,
            Form::Callit3 => callit::answer3(&results, from)?,
        })
    }
}

impl Copy {
    fn new(
        xid: u32,
        form: Form,
        id: ProcedureId,
        args: &Writer,
        auth: &dyn ClientAuth,
    ) -> Result<Self, CallError> {
        let mut message = Writer::new();
        write_call(&mut message, xid, id);
        let token = auth.seal(xid, id, args, &mut message)?;
        let len = message.len();
        if len > MAX_DATAGRAM {
            let allowed = MAX_DATAGRAM;
            return Err(CallError::TooLarge { len, allowed });
        }
        let message = message.into_bytes();
        Ok(Self {
            xid,
            form,
            message,
            token,
        })
    }
}

fn encode<P: Procedure>(args: &Args<P>) -> Result<Writer, CallError> {
    let mut w = Writer::new();
    <P::Args as Wire>::encode(args, &mut w)?;
    Ok(w)
}

#[cfg(test)]
mod tests {
    use super::*;

    use oncrpc::auth::AuthNone;
    use oncrpc::proto::portmap::Mapping;
    use oncrpc::proto::portmap::pmapprog::v2::procedure::{Getport, Set};

    const NFS: Mapping = Mapping {
        prog: 100_003,
        vers: 3,
        prot: 6,
        port: 0,
    };

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    fn at(address: &str) -> SocketAddr {
        address.parse().unwrap()
    }

    fn direct() -> Question {
        Question::direct::<Getport>(7, Arc::new(AuthNone), &NFS).unwrap()
    }

    fn callit() -> Question {
        Question::callit::<Getport>(u32::MAX, Arc::new(AuthNone), Getport::INFO.id(), &NFS).unwrap()
    }

    fn sent(question: &Question, to: &str) -> Vec<Vec<u8>> {
        let messages = question.messages(at(to));
        messages.map(|message| message.to_vec()).collect()
    }

    fn answer(question: &Question, reply: &[u32], from: &str) -> Option<(String, Vec<u8>)> {
        let (from, results) = question.answer(&words(reply), at(from))?;
        Some((from.to_string(), results.to_vec()))
    }

    #[test]
    fn a_direct_question_is_the_call_itself() {
        //                    xid call rpc program  vers proc cred  verf  args
        let call = words(&[7, 0, 2, 100_000, 2, 3, 0, 0, 0, 0, 100_003, 3, 6, 0]);
        for to in ["192.0.2.255:111", "[ff02::202%2]:111"] {
            assert_eq!(sent(&direct(), to), [&call[..]], "{to}");
        }
    }

    #[test]
    fn callit_is_asked_in_version_3_and_over_ipv4_in_version_2_with_the_next_xid() {
        let copy = |xid, version| {
            //         xid  call rpc program  vers   proc cred verf  what is called     16 bytes of arguments
            words(&[
                xid, 0, 2, 100_000, version, 5, 0, 0, 0, 0, 100_000, 2, 3, 16, 100_003, 3, 6, 0,
            ])
        };
        let [version3, version2] = [copy(u32::MAX, 3), copy(0, 2)];
        let both = [version3.clone(), version2];
        assert_eq!(sent(&callit(), "192.0.2.255:111"), both);
        assert_eq!(sent(&callit(), "[ff02::202%2]:111"), [version3]);
    }

    #[test]
    fn a_direct_answer_is_from_where_it_came() {
        let from = "192.0.2.9:4000";
        let reply = [7, 1, 0, 0, 0, 0, 2049];
        let expected = Some((from.to_owned(), words(&[2049])));
        assert_eq!(answer(&direct(), &reply, from), expected);
    }

    #[test]
    fn both_answers_to_callit_are_the_same_one() {
        let from = "192.0.2.9:50000";
        let uaddr = *b"192.0.2.9.8.1\0\0\0";
        let version3 = [
            words(&[u32::MAX, 1, 0, 0, 0, 0, 13]),
            uaddr.to_vec(),
            words(&[4, 21]),
        ];
        let version2 = words(&[0, 1, 0, 0, 0, 0, 2049, 4, 21]);
        for reply in [version3.concat(), version2] {
            let (from, results) = callit().answer(&reply, at(from)).unwrap();
            assert_eq!(
                (from, &results[..]),
                (at("192.0.2.9:2049"), &[0, 0, 0, 21][..])
            );
        }
    }

    #[test]
    fn what_answers_something_else_is_none() {
        let from = "192.0.2.9:111";
        for (reply, why) in [
            (&[8, 1, 0, 0, 0, 0, 2049][..], "another xid"),
            (&[7, 0, 2, 100_000, 2, 3, 0, 0, 0, 0], "a call"),
            (&[7, 1, 0, 0, 0, 3], "PROC_UNAVAIL"),
            (&[7, 1, 1, 1, 5], "AUTH_TOOWEAK"),
            (&[7, 1, 2, 0, 0, 0, 2049], "no reply_stat"),
            (&[7], "a word"),
            (&[], "nothing"),
        ] {
            assert_eq!(answer(&direct(), reply, from), None, "{why}");
        }
    }

    /// Answers to CALLIT, by version 3 (the address is `::.18.11`) and version 2.
    const ANSWERS: [&[u32]; 2] = [
        &[u32::MAX, 1, 0, 0, 0, 0, 8, 0x3a3a_2e31, 0x382e_3131, 4, 21],
        &[0, 1, 0, 0, 0, 0, 2049, 4, 21],
    ];

    #[test]
    fn every_cut_of_an_answer_to_callit_is_none() {
        for reply in ANSWERS {
            let reply = words(reply);
            assert!(callit().answer(&reply, at("192.0.2.9:111")).is_some());
            for cut in 0..reply.len() {
                let answer = callit().answer(&reply[..cut], at("192.0.2.9:111"));
                assert_eq!(answer, None, "cut at {cut}");
            }
        }
    }

    #[test]
    fn whatever_a_byte_of_an_answer_becomes_it_is_an_answer_or_none() {
        let question = callit();
        for reply in ANSWERS {
            let reply = words(reply);
            for changed in 0..reply.len() {
                for byte in 0..=u8::MAX {
                    let mut reply = reply.clone();
                    reply[changed] = byte;
                    if let Some((from, results)) = question.answer(&reply, at("192.0.2.9:111")) {
                        assert_eq!(from.ip(), at("192.0.2.9:0").ip());
                        assert!(results.len() <= reply.len());
                    }
                }
            }
        }
    }

    #[test]
    fn a_question_that_no_datagram_holds_is_an_error() {
        use oncrpc::proto::rpcb::{Rpcb, rpcbprog::v4::procedure};
        let arg = Rpcb {
            r_owner: vec![0; 65_500].into(),
            ..Rpcb::default()
        };
        let auth = Arc::new(AuthNone);
        let error = Question::direct::<procedure::Set>(7, auth.clone(), &arg).unwrap_err();
        assert!(matches!(error, CallError::TooLarge { .. }), "{error}");
        let error =
            Question::callit::<procedure::Set>(7, auth.clone(), Set::INFO.id(), &arg).unwrap_err();
        assert!(matches!(error, CallError::TooLarge { .. }), "{error}");
        assert!(Question::callit::<Set>(7, auth, Set::INFO.id(), &NFS).is_ok());
    }
}
