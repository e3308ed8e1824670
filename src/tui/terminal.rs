//! Setup and restoration of the terminal, which is restored whatever happens.

use crate::vocab::text::is_printable;
use crossterm::clipboard::CopyToClipboard;
use crossterm::cursor::{Hide, Show};
use crossterm::event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture};
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
    enable_raw_mode,
};
use crossterm::{execute, queue};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::fs::OpenOptions;
use std::io::{self, BufWriter, Stdout, Write};
use std::mem::ManuallyDrop;
use std::os::unix::fs::OpenOptionsExt;
use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A terminal whose frames go out in one write each.
type Screen = Terminal<CrosstermBackend<BufWriter<Stdout>>>;

type Hook = Box<dyn Fn(&panic::PanicHookInfo<'_>) + Send + Sync>;

/// A terminal in raw mode on its alternate screen. Dropping it puts everything back; so does a panic, before its
/// message is printed, because a message on the alternate screen is lost.
pub struct Session {
    /// Where frames are drawn. Never dropped: ratatui writes to the terminal then, waits for one that takes nothing, and
    /// panics over one that is gone.
    screen: ManuallyDrop<Screen>,
    mouse: bool,
    active: Arc<AtomicBool>,
    previous: Arc<Hook>,
}

impl Session {
    /// Takes the terminal.
    ///
    /// # Errors
    /// If standard output is no terminal or will not be controlled.
    pub fn start(mouse: bool) -> io::Result<Self> {
        let active = Arc::new(AtomicBool::new(false));
        let previous: Arc<Hook> = Arc::new(panic::take_hook());
        let (flag, chained) = (Arc::clone(&active), Arc::clone(&previous));
        panic::set_hook(Box::new(move |info| {
            if flag.swap(false, Ordering::SeqCst) {
                restore();
            }
            chained(info);
        }));
        let screen = Terminal::new(CrosstermBackend::new(BufWriter::with_capacity(1 << 16, io::stdout())))?;
        let mut session = Self { screen: ManuallyDrop::new(screen), mouse, active, previous };
        session.enter()?;
        Ok(session)
    }

    /// Raw mode and alternate screen, on.
    ///
    /// # Errors
    /// As of the terminal.
    pub fn enter(&mut self) -> io::Result<()> {
        self.active.store(true, Ordering::SeqCst);
        enable_raw_mode()?;
        let mut out = io::stdout();
        execute!(out, EnterAlternateScreen, EnableBracketedPaste, Hide)?;
        if self.mouse {
            execute!(out, EnableMouseCapture)?;
        }
        self.repaint()
    }

    /// Clears the screen and has the next frame drawn whole. Not [`Terminal::clear`]: that asks the terminal where its
    /// cursor is and waits for the answer, which would come among the keys, and from some terminals not at all.
    ///
    /// # Errors
    /// As of the terminal.
    pub fn repaint(&mut self) -> io::Result<()> {
        let size = self.screen.size()?;
        self.screen.resize(Rect::new(0, 0, size.width, size.height))
    }

    /// Columns and rows.
    ///
    /// # Errors
    /// As of the terminal.
    pub fn size(&self) -> io::Result<(u16, u16)> {
        self.screen.size().map(|size| (size.width, size.height))
    }

    /// Draws a frame. The one way in which text reaches the screen: of what was drawn, what is not printable is left out,
    /// whichever view drew it.
    ///
    /// # Errors
    /// As of the terminal.
    pub fn draw(&mut self, view: impl FnOnce(Rect, &mut Buffer)) -> io::Result<()> {
        queue!(self.screen.backend_mut(), BeginSynchronizedUpdate)?;
        self.screen.draw(|frame| {
            view(frame.area(), frame.buffer_mut());
            clean(frame.buffer_mut());
        })?;
        queue!(self.screen.backend_mut(), EndSynchronizedUpdate)?;
        io::Write::flush(self.screen.backend_mut())
    }

    /// Hands text to the terminal's clipboard (OSC 52), which works over ssh where the terminal allows it.
    ///
    /// # Errors
    /// As of the terminal.
    pub fn copy(&mut self, text: &str) -> io::Result<()> {
        execute!(self.screen.backend_mut(), CopyToClipboard::to_clipboard_from(text))
    }

    /// Takes the mouse, or leaves it to the terminal.
    ///
    /// # Errors
    /// As of the terminal.
    pub fn take_mouse(&mut self, on: bool) -> io::Result<()> {
        self.mouse = on;
        let out = self.screen.backend_mut();
        if on { execute!(out, EnableMouseCapture) } else { execute!(out, DisableMouseCapture) }
    }

    /// Raw mode and alternate screen, off.
    pub fn leave(&mut self) {
        if self.active.swap(false, Ordering::SeqCst) {
            restore();
        }
    }
}

/// Blanks cells that hold anything but printable characters.
fn clean(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        if !cell.symbol().chars().all(is_printable) {
            cell.set_symbol(" ");
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.leave();
        if !std::thread::panicking() {
            // The hook of before, so that a second session does not stack on a dead one.
            let previous = Arc::clone(&self.previous);
            panic::set_hook(Box::new(move |info| previous(info)));
        }
    }
}

/// Puts back what can be put back at once. What is written goes through a line of its own to the terminal: the usual one
/// is held by whoever waits in a write, and would make this wait, too.
pub(super) fn restore_without_waiting() {
    let _ = disable_raw_mode();
    let mut off = Vec::new();
    let _ = execute!(off, DisableMouseCapture, DisableBracketedPaste, LeaveAlternateScreen, Show);
    #[allow(clippy::cast_possible_wrap)]
    let flags = (rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY).bits() as i32;
    if let Ok(mut terminal) = OpenOptions::new().write(true).custom_flags(flags).open("/dev/tty") {
        let _ = terminal.write(&off);
    }
}

/// Puts everything back. Each step on its own: one that fails must not keep the next from being tried.
fn restore() {
    let mut out = io::stdout();
    let _ = execute!(out, DisableMouseCapture);
    let _ = execute!(out, DisableBracketedPaste);
    let _ = execute!(out, LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
    let _ = out.flush();
}

#[cfg(test)]
mod tests {
    use super::clean;
    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;

    #[test]
    fn a_cell_that_a_view_let_through_is_blank() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 5, 1));
        for (x, symbol) in
            ["a", "\u{1b}", "b\u{202e}", "\u{1f469}\u{200d}\u{1f4bb}", "\u{9b}2J"].into_iter().enumerate()
        {
            buffer.content[x].set_symbol(symbol);
        }
        clean(&mut buffer);
        let symbols: Vec<&str> = buffer.content.iter().map(|cell| cell.symbol()).collect();
        assert_eq!(symbols, ["a", " ", " ", "\u{1f469}\u{200d}\u{1f4bb}", " "]);
    }
}
