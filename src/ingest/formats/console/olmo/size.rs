//! N from OLMo's output when it builds the model.

use crate::ingest::formats::scan::{after_first, integer};

/// Parameters as OLMo prints them. Those it calls non-embedding have the output matrix among them, where that is not the
/// input's (`num_params` in olmo/model.py leaves out `wte` and `wpe` only). The model that is printed later shows whether
/// it is.
#[derive(Debug, Default)]
pub(super) struct Size {
    pub(super) total: f64,
    /// Without the input's embeddings; 0 where there is nothing to find out.
    pub(super) inner: f64,
    /// Whether the model is being printed, or was.
    pub(super) shown: bool,
}

impl Size {
    /// Looks for the output matrix in a line of the model that is printed: `(ff_out): Linear(in_features=4096,
    /// out_features=50304, bias=False)`. Layers have a part of this name, too, of another size.
    pub(super) fn line(&mut self, line: &[u8]) -> Option<f64> {
        let rest = after_first(line, b"(ff_out): Linear(in_features=").filter(|_| self.inner > 0.0)?;
        let (width, length) = integer(rest)?;
        let (out, _) = integer(rest[length..].strip_prefix(b", out_features=")?)?;
        let head = self.total - self.inner;
        if width as f64 * out as f64 != head || head >= self.inner {
            return None;
        }
        Some(std::mem::take(&mut self.inner) - head)
    }

    /// The first step: if the model was printed, it had no output matrix of its own.
    pub(super) fn settled(&mut self) -> Option<f64> {
        Some(std::mem::take(&mut self.inner)).filter(|inner| *inner > 0.0 && self.shown)
    }
}
