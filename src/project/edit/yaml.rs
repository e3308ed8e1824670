//! Weights in a YAML file, found by the parser's own positions.

use super::super::ProjectError;
use super::super::source::{At, Source};
use super::weight::Weight;
use saphyr_parser::{Event, Parser, ScalarStyle, Span};

/// Most events of a file.
const MOST: usize = 400_000;

type Events<'a> = Vec<(Event<'a>, Span)>;

/// The weights at a path of keys.
///
/// # Errors
/// What is in the way, with its place.
pub(super) fn weights(source: &Source<'_>, path: &[&str]) -> Result<Vec<Weight>, ProjectError> {
    let events = events(source)?;
    let bytes: Vec<usize> = source.text.char_indices().map(|(i, _)| i).chain([source.text.len()]).collect();
    let mut node = 0;
    for (depth, key) in path.iter().enumerate() {
        plain(source, &events, node)?;
        let here = path[..depth].join(".");
        node = match &events[node].0 {
            Event::MappingStart(..) => {
                let mut found = members(&events, node).filter(|(key_at, _)| scalar(&events, *key_at) == Some(*key));
                let (_, value) = found.next().ok_or_else(|| missing(source, &events, node, key, &here))?;
                if let Some((again, _)) = found.next() {
                    let message = format!("`{key}` is there twice");
                    return Err(source.invalid(place(&events, again), message, "remove one of the two"));
                }
                value
            }
            Event::SequenceStart(..) => {
                let item = key.parse::<usize>().ok().and_then(|index| items(&events, node).nth(index));
                item.ok_or_else(|| missing(source, &events, node, key, &here))?
            }
            _ => return Err(missing(source, &events, node, key, &here)),
        };
    }
    plain(source, &events, node)?;
    let key = path.join(".");
    if !matches!(events[node].0, Event::MappingStart(..)) {
        let help = "mixlaw replaces numbers of a mapping from domains to weights, such as { prose: 0.8, rust: 0.2 }";
        return Err(source.invalid(place(&events, node), format!("`{key}` is not a mapping"), help));
    }
    members(&events, node).map(|(name, value)| weight(source, &events, &bytes, name, value)).collect()
}

fn weight(
    source: &Source<'_>,
    events: &Events<'_>,
    bytes: &[usize],
    name: usize,
    value: usize,
) -> Result<Weight, ProjectError> {
    let Some(domain) = scalar(events, name).filter(|name| *name != "<<") else {
        let help = "write the weights out here; merged and computed keys cannot be edited safely";
        return Err(source.invalid(place(events, name), "this is not the name of a domain", help));
    };
    plain(source, events, value)?;
    let help = "write a plain number, such as 0.8";
    let not_a_number =
        || source.invalid(place(events, value), format!("the weight of `{domain}` is not a number"), help);
    let (Event::Scalar(text, ScalarStyle::Plain, ..), span) = &events[value] else { return Err(not_a_number()) };
    let number: f64 = text.parse().map_err(|_| not_a_number())?;
    let byte = |index: usize| bytes.get(index).copied();
    let range = byte(span.start.index()).zip(byte(span.end.index())).map(|(from, to)| from..to);
    // The digits are where the parser says, or nothing is written.
    let digits = range.and_then(|range| {
        let said = source.text.get(range.clone())?;
        let shown = said.trim_end();
        (shown == text.as_ref()).then(|| range.start..range.start + shown.len())
    });
    let digits = digits.ok_or_else(not_a_number)?;
    Ok(Weight { domain: domain.to_owned(), digits, value: number })
}

/// The nodes of the one document.
fn events<'a>(source: &Source<'a>) -> Result<Events<'a>, ProjectError> {
    let mut events = Vec::new();
    let mut documents = 0;
    for event in Parser::new_from_str(source.text) {
        let (event, span) = event.map_err(|error| {
            let at = At { line: error.marker().line().max(1), column: error.marker().col() + 1 };
            super::super::syntax::explain(source, at, error.info())
        })?;
        match event {
            Event::DocumentStart(_) => documents += 1,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            event => events.push((event, span)),
        }
        if documents > 1 {
            let at = At { line: span.start.line().max(1), column: span.start.col() + 1 };
            let message = "a second YAML document starts here";
            return Err(source.invalid(at, message, "keep the weights in a file with one document"));
        }
        if events.len() > MOST {
            return Err(source.invalid(
                At::START,
                "this file is too long to be edited",
                "keep the weights in a small file",
            ));
        }
    }
    match events.is_empty() {
        true => Err(source.invalid(At::START, "this file has no content", "write the weights that are in use")),
        false => Ok(events),
    }
}

/// Refuses what may be said elsewhere, too, or means something else than it shows.
fn plain(source: &Source<'_>, events: &Events<'_>, node: usize) -> Result<(), ProjectError> {
    let (what, help) = match &events[node].0 {
        Event::Alias(_) => ("an alias (a word with `*`)", "write the value out here"),
        Event::Scalar(_, _, anchor, tag) if *anchor > 0 || tag.is_some() => ANCHORED,
        Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) if *anchor > 0 || tag.is_some() => {
            ANCHORED
        }
        _ => return Ok(()),
    };
    Err(source.invalid(place(events, node), format!("{what} cannot be edited safely"), help))
}

const ANCHORED: (&str, &str) = (
    "a value with an anchor or tag (a word with `&` or `!`)",
    "write the value without it: other places may depend on it",
);

fn missing(source: &Source<'_>, events: &Events<'_>, node: usize, key: &str, here: &str) -> ProjectError {
    let within = if here.is_empty() { "this file".to_owned() } else { format!("`{here}`") };
    let help = "mixlaw replaces weights that are there; write them once, such as mixture: { prose: 0.8, rust: 0.2 }";
    source.invalid(place(events, node), format!("{within} has no `{key}`"), help)
}

fn place(events: &Events<'_>, node: usize) -> At {
    let start = &events[node].1.start;
    At { line: start.line().max(1), column: start.col() + 1 }
}

fn scalar<'e>(events: &'e Events<'_>, node: usize) -> Option<&'e str> {
    match &events[node].0 {
        Event::Scalar(text, ..) => Some(text),
        _ => None,
    }
}

/// The node after this one and all below it.
fn after(events: &Events<'_>, node: usize) -> usize {
    let mut depth = 0_usize;
    for (place, (event, _)) in events.iter().enumerate().skip(node) {
        match event {
            Event::MappingStart(..) | Event::SequenceStart(..) => depth += 1,
            Event::MappingEnd | Event::SequenceEnd => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return place + 1;
        }
    }
    events.len()
}

/// Items of a list.
fn items<'e>(events: &'e Events<'_>, list: usize) -> impl Iterator<Item = usize> + 'e {
    let end = after(events, list).saturating_sub(1);
    let first = Some(list + 1).filter(|first| *first < end);
    std::iter::successors(first, move |item| Some(after(events, *item)).filter(|next| *next < end))
}

/// Keys and values of a mapping.
fn members<'e>(events: &'e Events<'_>, map: usize) -> impl Iterator<Item = (usize, usize)> + 'e {
    let mut nodes = items(events, map);
    std::iter::from_fn(move || Some((nodes.next()?, nodes.next()?)))
}
