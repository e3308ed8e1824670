//! Themes. Every meaning of a colour is also expressed by a glyph, a word or a position, so the mono theme loses nothing.

use ratatui::style::{Color, Modifier, Style};
use serde::{Deserialize, Serialize};

/// The themes, in the order in which `t` goes through them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThemeName {
    /// For dark terminals.
    #[default]
    Dark,
    /// For light terminals.
    Light,
    /// The terminal's own 16 colours.
    Ansi,
    /// No colours.
    Mono,
}

impl ThemeName {
    /// The name as typed and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dark => "dark",
            Self::Light => "light",
            Self::Ansi => "16 colours",
            Self::Mono => "no colours",
        }
    }

    /// The next one.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::Dark => Self::Light,
            Self::Light => Self::Ansi,
            Self::Ansi => Self::Mono,
            Self::Mono => Self::Dark,
        }
    }
}

/// Which colours the terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Depth {
    /// Any 24-bit colour.
    True,
    /// The 256 of xterm, of which the first 16 are the user's own and not relied on.
    #[default]
    Indexed,
}

/// A style for every role there is on screen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Theme {
    /// Which theme this is.
    pub name: ThemeName,
    /// What it was made for.
    pub depth: Depth,
    /// Body text.
    pub text: Style,
    /// Labels, units, anything that frames a number.
    pub dim: Style,
    /// Borders, axes, the empty part of a bar.
    pub faint: Style,
    /// Titles and headlines.
    pub title: Style,
    /// Whatever has the focus.
    pub focus: Style,
    /// Headings inside panels, keys.
    pub accent: Style,
    /// In order.
    pub good: Style,
    /// Wants a look.
    pub warn: Style,
    /// Wrong.
    pub bad: Style,
    /// What nobody may overlook: no skill, lost connection.
    pub loud: Style,
    /// The mixture in use.
    pub now: Style,
    /// The mixture advised.
    pub advised: Style,
    /// The fitted curve.
    pub curve: Style,
    /// Its band.
    pub band: Style,
    /// Ground of cells inside the band, where there are colours to spare.
    pub band_ground: Option<Color>,
    /// Observed points.
    pub point: Style,
    /// Runs among others, in colours that people with colour-blindness tell apart, too (Okabe and Ito, 2008). Red is none of
    /// them: it says that something is broken.
    pub series: [Style; 6],
    /// The row under the cursor.
    pub selected: Style,
}

/// The terminal's own ink. Said outright, like the absence of bold and dim in every other style, because what is drawn
/// over a border would keep the border's looks otherwise.
const INK: Style = Style::new().fg(Color::Reset).remove_modifier(Modifier::BOLD.union(Modifier::DIM));
const BOLD: Style = INK.add_modifier(Modifier::BOLD);
const DIM: Style = INK.add_modifier(Modifier::DIM);

impl Theme {
    /// The theme of that name for terminals of that depth.
    #[must_use]
    pub fn new(name: ThemeName, depth: Depth) -> Self {
        match name {
            ThemeName::Dark => Self::coloured(name, depth, &DARK),
            ThemeName::Light => Self::coloured(name, depth, &LIGHT),
            ThemeName::Ansi => Self::ansi(depth),
            ThemeName::Mono => Self::mono(depth),
        }
    }

    /// What the environment asks for: `NO_COLOR`, `COLORTERM`, `TERM`, `COLORFGBG`.
    #[must_use]
    pub fn from_env(var: impl Fn(&str) -> Option<String>) -> Self {
        let get = |name: &str| var(name).unwrap_or_default();
        let term = get("TERM");
        let depth =
            if matches!(get("COLORTERM").as_str(), "truecolor" | "24bit") { Depth::True } else { Depth::Indexed };
        let name = if !get("NO_COLOR").is_empty() || term == "dumb" {
            ThemeName::Mono
        } else if depth == Depth::Indexed && !term.contains("256color") {
            ThemeName::Ansi
        } else if matches!(get("COLORFGBG").rsplit(';').next(), Some("7" | "15")) {
            ThemeName::Light
        } else {
            ThemeName::Dark
        };
        Self::new(name, depth)
    }

    fn coloured(name: ThemeName, depth: Depth, p: &Palette) -> Self {
        let c = |rgb: u32| to_depth(rgb, depth);
        let fg = |rgb: u32| INK.fg(c(rgb));
        let bold = |rgb: u32| BOLD.fg(c(rgb));
        Self {
            name,
            depth,
            // The terminal's own ink: readable even when the theme guessed the ground wrong.
            text: INK,
            dim: fg(p.dim),
            faint: fg(p.faint),
            title: BOLD,
            focus: bold(p.accent),
            accent: fg(p.accent),
            good: fg(p.good),
            warn: fg(p.warn),
            bad: fg(p.bad),
            loud: bold(p.loud_ink).bg(c(p.bad)),
            now: fg(p.now),
            advised: bold(p.good),
            curve: fg(p.accent),
            band: fg(p.band),
            band_ground: Some(c(p.band_ground)),
            point: fg(p.point),
            series: p.series.map(fg),
            selected: Style::new().bg(c(p.selected)),
        }
    }

    fn ansi(depth: Depth) -> Self {
        let fg = |c: Color| INK.fg(c);
        let bold = |c: Color| BOLD.fg(c);
        Self {
            name: ThemeName::Ansi,
            depth,
            text: INK,
            // Not "bright black": several popular palettes make that the colour of the ground.
            dim: DIM,
            faint: DIM,
            title: BOLD,
            focus: bold(Color::Cyan),
            accent: fg(Color::Cyan),
            good: fg(Color::Green),
            warn: fg(Color::Yellow),
            bad: fg(Color::Red),
            loud: bold(Color::Red).add_modifier(Modifier::REVERSED),
            now: fg(Color::Yellow),
            advised: bold(Color::Green),
            curve: fg(Color::Cyan),
            band: fg(Color::Blue),
            band_ground: None,
            point: INK,
            series: [Color::Cyan, Color::Yellow, Color::Green, Color::Magenta, Color::Blue, Color::Reset].map(fg),
            selected: Style::new().add_modifier(Modifier::REVERSED),
        }
    }

    fn mono(depth: Depth) -> Self {
        Self {
            name: ThemeName::Mono,
            depth,
            text: INK,
            dim: DIM,
            faint: DIM,
            title: BOLD,
            focus: BOLD,
            accent: INK,
            good: INK,
            warn: INK,
            bad: BOLD,
            loud: BOLD.add_modifier(Modifier::REVERSED),
            now: INK,
            advised: BOLD,
            curve: BOLD,
            band: DIM,
            band_ground: None,
            point: INK,
            series: [INK; 6],
            selected: Style::new().add_modifier(Modifier::REVERSED),
        }
    }
}

/// 0xRRGGBB per role.
struct Palette {
    dim: u32,
    faint: u32,
    accent: u32,
    good: u32,
    warn: u32,
    bad: u32,
    loud_ink: u32,
    now: u32,
    band: u32,
    band_ground: u32,
    point: u32,
    series: [u32; 6],
    selected: u32,
}

const DARK: Palette = Palette {
    dim: 0x8b95a5,
    faint: 0x465061,
    accent: 0x6cb6ff,
    good: 0x56d39b,
    warn: 0xe3b341,
    bad: 0xff6b6b,
    loud_ink: 0x1a0b0b,
    now: 0xe3b341,
    band: 0x3f6b9c,
    band_ground: 0x1c3049,
    point: 0xc3cad6,
    series: [0x56b4e9, 0xe69f00, 0x2fc59a, 0xf0e442, 0xcc79a7, 0xd98a5f],
    selected: 0x24344b,
};

const LIGHT: Palette = Palette {
    dim: 0x5f6875,
    faint: 0xb4bcc8,
    accent: 0x0b62c4,
    good: 0x137a4b,
    warn: 0x8a5a00,
    bad: 0xc21f2c,
    loud_ink: 0xffffff,
    now: 0xa05a00,
    band: 0x8fb8e6,
    band_ground: 0xe4eefa,
    point: 0x3a424e,
    series: [0x0072b2, 0xa86400, 0x00735a, 0x7d6c00, 0xa6487f, 0x9c4a1e],
    selected: 0xd9e6f7,
};

fn to_depth(rgb: u32, depth: Depth) -> Color {
    let [_, r, g, b] = rgb.to_be_bytes();
    match depth {
        Depth::True => Color::Rgb(r, g, b),
        Depth::Indexed => Color::Indexed(nearest_of_256(r, g, b)),
    }
}

/// The nearest of xterm's colour cube (16 to 231) and grey ramp (232 to 255).
fn nearest_of_256(r: u8, g: u8, b: u8) -> u8 {
    const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let distance = |a: [u8; 3]| -> i32 {
        a.iter().zip([r, g, b]).map(|(x, y)| (i32::from(*x) - i32::from(y)).pow(2)).sum::<i32>()
    };
    let cube = (0..216u8).map(|i| {
        let at = |n: u8| STEPS[usize::from(n % 6)];
        (16 + i, [at(i / 36), at(i / 6), at(i)])
    });
    let greys = (0..24u8).map(|i| (232 + i, [8 + 10 * i; 3]));
    cube.chain(greys).min_by_key(|(_, rgb)| distance(*rgb)).map_or(15, |(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(pairs: &[(&str, &str)]) -> ThemeName {
        Theme::from_env(|n| pairs.iter().find(|(k, _)| *k == n).map(|(_, v)| (*v).to_owned())).name
    }

    #[test]
    fn the_environment_is_heeded() {
        assert_eq!(named(&[("TERM", "xterm-256color")]), ThemeName::Dark);
        assert_eq!(named(&[("TERM", "xterm-256color"), ("COLORFGBG", "0;15")]), ThemeName::Light);
        assert_eq!(named(&[("TERM", "linux")]), ThemeName::Ansi);
        assert_eq!(named(&[("TERM", "xterm"), ("COLORTERM", "truecolor")]), ThemeName::Dark);
        assert_eq!(named(&[("TERM", "xterm-256color"), ("NO_COLOR", "1")]), ThemeName::Mono);
        assert_eq!(named(&[("TERM", "xterm-256color"), ("NO_COLOR", "")]), ThemeName::Dark);
    }

    #[test]
    fn the_nearest_colour_is_exact_where_there_is_one() {
        assert_eq!(nearest_of_256(0, 0, 0), 16);
        assert_eq!(nearest_of_256(255, 255, 255), 231);
        assert_eq!(nearest_of_256(95, 135, 215), 16 + 36 + 2 * 6 + 4);
        assert_eq!(nearest_of_256(8, 8, 8), 232);
    }

    #[test]
    fn mono_uses_no_colour() {
        let t = Theme::new(ThemeName::Mono, Depth::True);
        for style in [
            t.text, t.dim, t.faint, t.title, t.focus, t.accent, t.good, t.warn, t.bad, t.loud, t.now, t.advised,
            t.curve, t.band, t.point, t.selected,
        ] {
            assert!(matches!((style.fg, style.bg), (Some(Color::Reset) | None, None)), "{style:?}");
        }
        assert_eq!(t.band_ground, None);
    }
}
