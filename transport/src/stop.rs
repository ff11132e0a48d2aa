//! A server's wish that its connections end.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Whoever holds it can wish that connections end; they end as well when it is dropped.
#[derive(Debug, Default)]
pub struct Stop(Arc<Shared>);

/// Ends when the end is wanted.
///
/// There is one for each connection, of which there are thousands: it is no more than the place of its waker among all.
#[derive(Debug)]
pub struct Stopped {
    shared: Arc<Shared>,
    place: Option<usize>,
}

#[derive(Debug, Default)]
struct Shared {
    wanted: AtomicBool,
    waiting: Mutex<Waiting>,
}

/// Whom to wake.
#[derive(Debug, Default)]
struct Waiting {
    places: Vec<Option<Waker>>,
    /// Those that nobody has.
    free: Vec<usize>,
}

impl Stop {
    /// Nothing is wished yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// What ends by it.
    pub fn subscribe(&self) -> Stopped {
        Stopped {
            shared: self.0.clone(),
            place: None,
        }
    }

    /// Wishes the end, for good.
    pub fn stop(&self) {
        self.0.wanted.store(true, Ordering::Release);
        let mut waiting = self.0.waiting();
        let places = waiting.places.iter_mut();
        let wakers: Vec<Waker> = places.filter_map(Option::take).collect();
        drop(waiting);
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Stopped {
    /// Whether the end is wanted: a read of memory that hardly ever changes.
    pub fn is_wanted(&self) -> bool {
        self.shared.wanted.load(Ordering::Acquire)
    }

    /// Has a task woken when the end is wanted, if it is not yet.
    pub(crate) fn register(&mut self, waker: &Waker) {
        let mut waiting = self.shared.waiting();
        let place = *self.place.get_or_insert_with(|| waiting.take_place());
        let before = waiting.places[place].replace(waker.clone());
        drop(waiting);
        drop(before);
    }
}

impl Shared {
    /// Nothing is woken or dropped under this lock: it may be what somebody else waits here for, or the last of a task.
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn take_place(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        })
    }
}

impl Future for Stopped {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_wanted() {
            self.register(cx.waker());
        }
        // Who wished it before the waker stood there woke nobody.
        match self.is_wanted() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

impl Clone for Stopped {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
            place: None,
        }
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        let Some(place) = self.place else {
            return;
        };
        let mut waiting = self.shared.waiting();
        let waker = waiting.places[place].take();
        waiting.free.push(place);
        drop(waiting);
        drop(waker);
    }
}

#[cfg(test)]
mod tests {
    use std::task::Wake;

    use super::*;
    use crate::woken::Woken;

    fn is_over(stopped: &mut Stopped, waker: &Waker) -> bool {
        let mut cx = Context::from_waker(waker);
        Pin::new(stopped).poll(&mut cx).is_ready()
    }

    #[test]
    fn all_who_wait_are_woken_once_and_whoever_comes_later_does_not_wait() {
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        let stop = Stop::new();
        let mut waiting = [stop.subscribe(), stop.subscribe(), stop.subscribe()];
        for stopped in &mut waiting {
            assert!(!is_over(stopped, &waker) && !is_over(stopped, &waker));
        }
        stop.stop();
        drop(stop);
        assert_eq!(woken.count(), 3);
        let later = &mut waiting[0].clone();
        assert!(is_over(later, &waker) && later.place.is_none());
        assert!(waiting.iter().all(Stopped::is_wanted));
    }

    #[test]
    fn who_is_woken_may_leave_its_place_at_once() {
        struct Leaves(Mutex<Option<Stopped>>);

        impl Wake for Leaves {
            fn wake(self: Arc<Self>) {
                let stopped = self.0.lock().unwrap().take().unwrap();
                assert!(stopped.shared.waiting.try_lock().is_ok());
                drop(stopped);
            }
        }

        let stop = Stop::new();
        let leaves = Arc::new(Leaves(Mutex::new(Some(stop.subscribe()))));
        let waker = Waker::from(leaves.clone());
        if let Some(stopped) = &mut *leaves.0.lock().unwrap() {
            assert!(!is_over(stopped, &waker));
        }
        stop.stop();
        assert!(leaves.0.lock().unwrap().is_none());
        assert_eq!(stop.0.waiting().free, [0]);
    }

    #[test]
    fn the_end_of_whoever_could_wish_it_is_the_same() {
        let stop = Stop::new();
        let mut stopped = stop.subscribe();
        assert!(!is_over(&mut stopped, Waker::noop()));
        drop(stop);
        assert!(is_over(&mut stopped, Waker::noop()));
    }

    #[test]
    fn nothing_is_kept_of_who_is_gone_and_its_place_is_given_to_the_next() {
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        let stop = Stop::new();
        for _ in 0..3 {
            let mut two = [stop.subscribe(), stop.subscribe()];
            for stopped in &mut two {
                assert!(!is_over(stopped, &waker));
            }
            assert_eq!(Arc::strong_count(&woken), 4);
        }
        assert_eq!(Arc::strong_count(&woken), 2);
        assert_eq!(stop.0.waiting().places.len(), 2);
    }
}
