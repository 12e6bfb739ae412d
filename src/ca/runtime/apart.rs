//! Futures whose code is compiled apart from that of their caller.
//!
//! V8 compiles a function of the module as a whole, when it is first called. The compiler would put the code of an
//! async function that is awaited in one place into its caller's, until one function has that of all requests. A cold
//! isolate then compiles all of it for the first request, in more than linear time. See docs/PERFORMANCE.md.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

/// A future with a function of its own; made by [`apart`].
pub struct Apart<F>(Pin<Box<F>>);

/// Makes a future that remains a function of its own.
///
/// For branches that not every request takes.
pub fn apart<F: Future>(future: F) -> Apart<F> {
    Apart(Box::pin(future))
}

impl<F: Future> Future for Apart<F> {
    type Output = F::Output;

    #[inline(never)]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.0.as_mut().poll(context)
    }
}
