//! Inner loops compiled for the widest vector instructions of the machine.
//!
//! The binary is built for any x86-64 or ARM; where the processor has wider vectors, loops marked [`vectorised`] use them. The
//! numbers do not depend on it: no operation is fused and every sum has a fixed order.

use std::sync::LazyLock;

static ARCH: LazyLock<pulp::Arch> = LazyLock::new(pulp::Arch::new);

/// Runs `inner`, compiled for the vectors that this machine has. For that, it and all it calls must be inlined: mark the
/// closure and its callees `#[inline(always)]`.
#[inline(always)]
pub fn vectorised<R>(inner: impl FnOnce() -> R) -> R {
    ARCH.dispatch(inner)
}
