//! What a request asks for.

use super::request::Head;
use super::{Data, Picture};
use crate::tui::views;

/// Columns and rows of a picture: the least and the most.
const COLUMNS: (u16, u16) = (20, 300);
const ROWS: (u16, u16) = (5, 120);
/// Pixels of a curve unless the request says how many, and the most.
const PIXELS: (u32, u32) = (1000, 4096);
/// Longest name of a run or a metric.
const LONGEST: usize = 1000;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// A part of the page that is always the same: its kind and its text.
    Fixed(&'static str, &'static str),
    /// A picture.
    Picture(Picture),
    /// Data.
    Data(Data),
    /// Changes as they happen.
    Changes,
    /// The address without the slash that the page's own links are relative to.
    Slash,
    /// Nothing that there is, or the token is another one.
    Nothing,
    /// It is asked for wrongly; says how it is asked for.
    Wrong(String),
}

const HTML: (&str, &str) = ("text/html; charset=utf-8", include_str!("page.html"));
const CSS: (&str, &str) = ("text/css; charset=utf-8", include_str!("page.css"));
const ICON: (&str, &str) = ("image/svg+xml", include_str!("icon.svg"));
const SCRIPT: (&str, &str) = ("text/javascript; charset=utf-8", include_str!("page.js"));

/// What a request asks for, of a page under `/TOKEN/`.
#[must_use]
pub fn route(head: &Head, token: &str) -> Route {
    let path = head.path.strip_prefix('/').unwrap_or_default();
    let (first, rest) = path.split_once('/').map_or((path, None), |(first, rest)| (first, Some(rest)));
    if !is_same(first, token) {
        return Route::Nothing;
    }
    match rest {
        None => Route::Slash,
        Some("") => Route::Fixed(HTML.0, HTML.1),
        Some("page.css") => Route::Fixed(CSS.0, CSS.1),
        Some("page.js") => Route::Fixed(SCRIPT.0, SCRIPT.1),
        Some("icon.svg") => Route::Fixed(ICON.0, ICON.1),
        Some("events") => Route::Changes,
        Some("snapshot.json") => Route::Data(Data::Snapshot),
        Some("advice.json") => Route::Data(Data::Advice),
        Some("views.json") => Route::Data(Data::Views),
        Some("series.json") => series(head),
        Some("view.svg") => picture(head),
        Some(_) => Route::Nothing,
    }
}

/// Whether a token is the right one, in a time that does not tell where it differs.
fn is_same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

fn said<'a>(head: &'a Head, name: &str) -> Option<&'a str> {
    head.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

fn picture(head: &Head) -> Route {
    let number = |name: &str, default: u16, (least, most): (u16, u16)| match said(head, name) {
        None => Ok(default),
        Some(text) => match text.parse::<u16>() {
            Ok(number) if (least..=most).contains(&number) => Ok(number),
            _ => Err(Route::Wrong(format!("{name} is a number from {least} to {most}"))),
        },
    };
    let size = match (number("width", 140, COLUMNS), number("height", 42, ROWS)) {
        (Ok(columns), Ok(rows)) => (columns, rows),
        (Err(wrong), _) | (_, Err(wrong)) => return wrong,
    };
    let light = match said(head, "theme") {
        None | Some("dark") => false,
        Some("light") => true,
        Some(_) => return Route::Wrong("theme is dark or light".to_owned()),
    };
    let view = match said(head, "view").filter(|name| !name.is_empty()) {
        None => None,
        Some(name) => {
            let ids: Vec<_> = views::all().iter().map(|view| view.spec().id).collect();
            match ids.iter().find(|id| id.0 == name) {
                Some(id) => Some(*id),
                None => {
                    let names: Vec<&str> = ids.iter().map(|id| id.0).collect();
                    return Route::Wrong(format!("view is one of {}", names.join(", ")));
                }
            }
        }
    };
    Route::Picture(Picture { view, size, light })
}

fn series(head: &Head) -> Route {
    let name = |key: &str| said(head, key).filter(|name| !name.is_empty() && name.len() <= LONGEST);
    let (Some(run), Some(metric)) = (name("run"), name("metric")) else {
        return Route::Wrong("say run=NAME&metric=KEY, as snapshot.json has them".to_owned());
    };
    let pixels = match said(head, "pixels").map(str::parse) {
        None => PIXELS.0,
        Some(Ok(pixels)) if (1..=PIXELS.1).contains(&pixels) => pixels,
        Some(_) => return Route::Wrong(format!("pixels is a number from 1 to {}", PIXELS.1)),
    };
    Route::Data(Data::Series { run: run.to_owned(), metric: metric.to_owned(), pixels })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::ViewId;

    fn asked(target: &str) -> Route {
        let head = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        route(&super::super::request::read(head.as_bytes()).unwrap().unwrap(), "secret")
    }

    #[test]
    fn without_the_token_there_is_nothing() {
        for target in ["/", "/wrong/", "/secre/", "/secrets/", "/Secret/snapshot.json", "//secret/", "/../secret/", "*"]
        {
            assert_eq!(asked(target), Route::Nothing, "{target}");
        }
        assert_eq!(asked("/secret"), Route::Slash);
        assert!(matches!(asked("/secret/"), Route::Fixed(kind, _) if kind.starts_with("text/html")));
        assert_eq!(asked("/secret/etc/passwd"), Route::Nothing);
        assert_eq!(asked("/secret/../x"), Route::Nothing);
    }

    #[test]
    fn pictures_have_a_view_a_size_and_a_theme() {
        let picture = |view, size, light| Route::Picture(Picture { view, size, light });
        assert_eq!(asked("/secret/view.svg"), picture(None, (140, 42), false));
        let laws = "/secret/view.svg?view=laws&width=80&height=24&theme=light";
        assert_eq!(asked(laws), picture(Some(ViewId("laws")), (80, 24), true));
        for wrong in ["view=x", "width=10", "width=9999999", "height=-1", "theme=pink", "width="] {
            assert!(matches!(asked(&format!("/secret/view.svg?{wrong}")), Route::Wrong(_)), "{wrong}");
        }
    }

    #[test]
    fn a_series_has_a_run_and_a_metric() {
        let Route::Data(Data::Series { run, metric, pixels }) =
            asked("/secret/series.json?run=a%20b&metric=train%2Floss")
        else {
            panic!("no series")
        };
        assert_eq!((run.as_str(), metric.as_str(), pixels), ("a b", "train/loss", 1000));
        for wrong in ["", "?run=a", "?metric=b", "?run=a&metric=b&pixels=0", "?run=a&metric=b&pixels=1e9"] {
            assert!(matches!(asked(&format!("/secret/series.json{wrong}")), Route::Wrong(_)), "{wrong}");
        }
    }
}
