//! How far reading has come, for a person at a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal as _;

/// Bytes between two looks at the clock.
const STEP_BYTES: u64 = 4 << 20;

pub(super) struct Progress {
    bar: Option<ProgressBar>,
    shown: u64,
}

impl Progress {
    /// `total` is the size of all captures in bytes. Nothing is shown when the error output is no terminal.
    pub(super) fn new(total: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        Self { bar, shown: 0 }
    }

    pub(super) fn phase(&self, message: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(message.to_owned());
        }
    }

    pub(super) fn at(&mut self, bytes: u64) {
        if bytes.saturating_sub(self.shown) < STEP_BYTES {
            return;
        }
        self.shown = bytes;
        if let Some(bar) = &self.bar {
            bar.set_position(bytes);
        }
    }

    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
