//! Timers and timeouts that work in any task that polls them.

use core::cell::{Cell, RefCell};
use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::rc::Rc;
use wasm_bindgen::JsValue;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::prelude::wasm_bindgen;
use worker::wasm_bindgen;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &Closure<dyn FnMut()>, milliseconds: f64) -> JsValue;

    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(timer: &JsValue);
}

/// A timer of the platform, started on creation and cleared when dropped.
///
/// A future may move to another task while it waits. So the timer wakes the task that polled it last; `worker::Delay`
/// wakes the first.
pub struct Timer {
    state: Rc<State>,
    handle: JsValue,
    /// The platform's callback.
    _callback: Closure<dyn FnMut()>,
}

thread_local! {
    /// The number of timers.
    static RUNNING: Cell<u32> = const { Cell::new(0) };
}

/// The number of running timers in this isolate.
///
/// A Durable Object with a timer does not hibernate, and is billed.
pub fn running() -> u32 {
    RUNNING.get()
}

#[derive(Default)]
struct State {
    elapsed: Cell<bool>,
    waiting: RefCell<Option<Waker>>,
}

impl Timer {
    /// Starts a timer.
    pub fn set(time: Duration) -> Self {
        let state = Rc::new(State::default());
        let of_callback = state.clone();
        let callback = Closure::new(move || {
            of_callback.elapsed.set(true);
            let waiting = of_callback.waiting.take();
            if let Some(waker) = waiting {
                waker.wake();
            }
        });
        let handle = set_timeout(&callback, time.as_secs_f64() * 1_000.0);
        RUNNING.set(RUNNING.get().saturating_add(1));
        Self { state, handle, _callback: callback }
    }
}

impl Future for Timer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.state.elapsed.get() {
            return Poll::Ready(());
        }
        self.state.waiting.replace(Some(context.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        RUNNING.set(RUNNING.get().saturating_sub(1));
        if !self.state.elapsed.get() {
            clear_timeout(&self.handle);
        }
    }
}

/// Awaits `work` for at most `limit`; then drops it and gives `None`.
pub async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    let mut timer = pin!(Timer::set(limit));
    poll_fn(|context| {
        if let Poll::Ready(value) = work.as_mut().poll(context) {
            return Poll::Ready(Some(value));
        }
        timer.as_mut().poll(context).map(|()| None)
    })
    .await
}
