//! A member of the room: the lines that it hears, and the lines that it says.

use std::sync::Arc;

use oncrpc::{CallContext, CallError, Reject};
use oncrpc_client::{Builder, Channel};
use tokio::sync::mpsc;

use crate::chat::{
    ChatJoined, ChatLine, ChatName, ChatNames, ChatStatus, ChatText, chat_member, chat_room,
};

/// Lines that were heard and not taken yet.
const HEARD: usize = 64;

/// What the room calls: each line goes where it is read. While nobody reads, the room waits for the answer.
struct Ear(mpsc::Sender<ChatLine>);

impl chat_member::v1::Server for Ear {
    async fn hear(&self, _: &CallContext, line: ChatLine) -> Result<(), Reject> {
        // Where nobody will read any more, nothing is heard.
        self.0.send(line).await.map_err(|_| Reject::SystemErr)
    }
}

/// The way to a room, on which the room finds its way back.
#[derive(Debug)]
pub struct Way {
    channel: Channel,
}

/// What is said in the room, on its way back.
#[derive(Debug)]
pub struct Lines(mpsc::Receiver<ChatLine>);

impl Lines {
    /// The next line.
    pub async fn next(&mut self) -> Option<ChatLine> {
        self.0.recv().await
    }
}

impl Way {
    /// A way by a channel that is put together so far, and what comes back on it; `last` says where the room is.
    pub fn new(builder: Builder, last: impl FnOnce(Builder) -> Channel) -> (Self, Lines) {
        let (ear, lines) = mpsc::channel(HEARD);
        let channel = last(builder.serve(chat_member::v1::service(Arc::new(Ear(ear)))));
        (Self { channel }, Lines(lines))
    }

    /// Joins the room; also anew, when the connection was lost. `Err` within `Ok` is how the room refuses.
    pub async fn join(&self, name: &ChatName) -> Result<Result<Joined, ChatStatus>, CallError> {
        let room = chat_room::v1::Client::new(self.channel.clone());
        Ok(match room.join(name).await? {
            ChatJoined::Ok(welcome) => Ok(Joined {
                room,
                ticket: welcome.ticket,
                names: welcome.names,
            }),
            ChatJoined::Default(status) => Err(status),
        })
    }

    /// Waits until the connection is lost, and with it the place in the room.
    pub async fn lost(&self) {
        self.channel.disconnected().await;
    }
}

/// A place in the room.
#[derive(Debug)]
pub struct Joined {
    room: chat_room::v1::Client<Channel>,
    ticket: u64,
    /// Who was there, oneself among them.
    pub names: ChatNames,
}

impl Joined {
    /// Says a line; its number, or `None` if the place is lost.
    pub async fn say(&self, text: ChatText) -> Result<Option<u64>, CallError> {
        let number = self.room.say(self.ticket, text).await?;
        Ok((number != 0).then_some(number))
    }
}
