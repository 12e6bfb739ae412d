//! Futures polled by hand, in any order of steps, without threads or a clock.

use super::world::World;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// Polls `future` up to `polls` times. `None` if it is not done then: it is dropped, a crash at that step.
pub fn poll_some<T>(future: impl Future<Output = T>, polls: usize) -> Option<T> {
    let mut future = Box::pin(future);
    (0..polls).find_map(|_| poll(future.as_mut()))
}

fn poll<T>(future: Pin<&mut (impl Future<Output = T> + ?Sized)>) -> Option<T> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// Futures that run concurrently.
pub struct Race<T> {
    world: World,
    runners: Vec<Runner<T>>,
}

enum Runner<T> {
    On(Pin<Box<dyn Future<Output = T>>>),
    Done(T),
}

impl<T> Race<T> {
    /// A race in this world; its runners start with their first step.
    pub fn new(world: &World) -> Self {
        Self { world: world.clone(), runners: Vec::new() }
    }

    /// Adds a runner.
    pub fn enter(&mut self, future: impl Future<Output = T> + 'static) {
        self.runners.push(Runner::On(Box::pin(future)));
    }

    /// Lets the `n`-th runner do one step. `false` at its end.
    pub fn step(&mut self, n: usize) -> bool {
        let Some(Runner::On(future)) = self.runners.get_mut(n) else { return false };
        let Some(value) = poll(future.as_mut()) else { return true };
        self.runners[n] = Runner::Done(value);
        false
    }

    /// Runs a future for this many steps, then drops it. Returns whether it ended within them.
    pub fn interrupt(world: &World, future: impl Future<Output = T> + 'static, steps: usize) -> bool {
        let mut race = Self::new(world);
        race.enter(future);
        (0..steps).any(|_| !race.step(0))
    }

    /// Runs all to their ends and returns their results in order of entry. For each step `pick` chooses a runner,
    /// given how many still run.
    pub fn run(mut self, mut pick: impl FnMut(usize) -> usize) -> Vec<T> {
        loop {
            let running: Vec<usize> = (0..self.runners.len()).filter(|n| self.is_running(*n)).collect();
            if running.is_empty() {
                break;
            }
            let before = self.world.progress();
            self.step(running[pick(running.len()) % running.len()]);
            if self.world.progress() == before {
                self.all_wait(&running);
            }
        }
        let done =
            self.runners.into_iter().filter_map(|r| if let Runner::Done(value) = r { Some(value) } else { None });
        done.collect()
    }

    /// Runs all in an order derived from `seed`.
    pub fn run_seeded(self, seed: u64) -> Vec<T> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        self.run(move |n| {
            // xorshift: any reproducible order will do.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state >> 33).unwrap_or_default() % n
        })
    }

    /// Runs one after the other.
    pub fn run_in_order(self) -> Vec<T> {
        self.run(|_| 0)
    }

    fn is_running(&self, n: usize) -> bool {
        matches!(self.runners.get(n), Some(Runner::On(_)))
    }

    /// Called after a step without progress: unless another runner progresses, time has to pass.
    fn all_wait(&mut self, running: &[usize]) {
        let before = self.world.progress();
        for n in running {
            if !self.step(*n) || self.world.progress() != before {
                return;
            }
        }
        assert!(self.world.pass_to_timer(), "all runners wait for something that never comes");
    }
}
