//! The room: who is in it, and how everybody comes to hear what is said.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use oncrpc::{CallContext, CallOptions, Reject, ReverseCaller};
use tokio::sync::mpsc;

use crate::chat::{
    CHAT_MAX_MEMBERS, ChatJoined, ChatLine, ChatName, ChatNames, ChatStatus, ChatText, ChatWelcome,
    chat_member, chat_room,
};

/// Lines that wait for a member; whoever is further behind leaves.
const BEHIND: usize = 64;

/// Time that a member has to say that it has heard a line.
const HEAR: Duration = Duration::from_secs(10);

/// A chat room, to be served to those who join.
#[derive(Clone, Debug, Default)]
pub struct Room(Arc<Inside>);

#[derive(Debug, Default)]
struct Inside {
    members: Mutex<HashMap<u64, Member>>,
    said: AtomicU64,
    tickets: RandomState,
    /// Members that there have been.
    joined: AtomicU64,
}

/// Somebody who has joined. Dropping it ends the task that calls it.
#[derive(Debug)]
struct Member {
    name: ChatName,
    lines: mpsc::Sender<ChatLine>,
}

impl chat_room::v1::Server for Room {
    async fn join(&self, cx: &CallContext, name: ChatName) -> Result<ChatJoined, Reject> {
        let Some(reverse) = cx.reverse() else {
            return Ok(ChatJoined::Default(ChatStatus::NoWayBack));
        };
        let (lines, queue) = mpsc::channel(BEHIND);
        // A copy, because what came by the wire holds on to the whole record that it came in.
        let name = name.compact();
        let member = Member { name, lines };
        Ok(match self.0.enter(member) {
            Ok(welcome) => {
                tokio::spawn(tell(self.0.clone(), welcome.ticket, reverse, queue));
                ChatJoined::Ok(welcome)
            }
            Err(status) => ChatJoined::Default(status),
        })
    }

    async fn say(&self, _: &CallContext, ticket: u64, text: ChatText) -> Result<u64, Reject> {
        Ok(self.0.say(ticket, &text).unwrap_or(0))
    }

    async fn who(&self, _: &CallContext) -> Result<ChatNames, Reject> {
        Ok(names(&self.0.members()))
    }
}

impl Inside {
    /// Takes a member in, or says why not.
    fn enter(&self, member: Member) -> Result<ChatWelcome, ChatStatus> {
        let mut members = self.members();
        if members.len() >= CHAT_MAX_MEMBERS as usize {
            return Err(ChatStatus::Full);
        }
        if members.values().any(|other| other.name == member.name) {
            return Err(ChatStatus::NameTaken);
        }
        // No two are alike but by a rare chance, which costs nobody anything but a name.
        let joined = self.joined.fetch_add(1, Ordering::Relaxed);
        let ticket = self.tickets.hash_one(joined) | 1;
        log::info!("{} joins", member.name);
        members.insert(ticket, member);
        Ok(ChatWelcome {
            ticket,
            names: names(&members),
        })
    }

    /// Gives a line to everybody, the one who says it among them; its number, if the ticket is somebody's.
    fn say(&self, ticket: u64, text: &ChatText) -> Option<u64> {
        let mut members = self.members();
        let line = ChatLine {
            from: members.get(&ticket)?.name.clone(),
            text: text.compact(),
            // Under the lock, so that everybody hears the lines in the order of their numbers.
            number: 1 + self.said.fetch_add(1, Ordering::Relaxed),
        };
        members.retain(|_, member| {
            let heard = member.lines.try_send(line.clone()).is_ok();
            if !heard {
                log::info!("{} does not keep up", member.name);
            }
            heard
        });
        Some(line.number)
    }

    fn leave(&self, ticket: u64) {
        if let Some(member) = self.members().remove(&ticket) {
            log::info!("{} leaves", member.name);
        }
    }

    fn members(&self) -> MutexGuard<'_, HashMap<u64, Member>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who is there, in the order of their names.
fn names(members: &HashMap<u64, Member>) -> ChatNames {
    let mut names: ChatNames = members.values().map(|member| member.name.clone()).collect();
    names.sort_unstable();
    names
}

/// Calls a member with each line, one after the other, until it is gone or does not answer.
async fn tell(
    room: Arc<Inside>,
    ticket: u64,
    reverse: ReverseCaller,
    mut queue: mpsc::Receiver<ChatLine>,
) {
    let options = CallOptions::default().timeout(HEAR);
    let member = chat_member::v1::Client::new(reverse.clone()).with_options(options);
    loop {
        let line = tokio::select! {
            line = queue.recv() => line,
            () = reverse.gone() => None,
        };
        let Some(line) = line else { break };
        if let Err(error) = member.hear(&line).await {
            log::info!("a member does not hear: {error}");
            break;
        }
    }
    room.leave(ticket);
}
