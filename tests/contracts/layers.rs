//! One direction: a room names only rooms above it in the table of `src/lib.rs`, and no files of one room name each other
//! in a circle.
//!
//! What counts as naming: every path that begins with `crate`, `super`, `self`, the library's own name, a module below the
//! file or a module that the file imports. A path goes to the file that defines what it names: a `use` line that only hands
//! a name on is not a stop on the way, and is no arrow of its own unless the file also uses the name. Code under
//! `#[cfg(test)]` is left out: a test may drive what it tests through the rooms below.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

/// Arrows that may climb for now: file, the room it names, why.
const CLIMBS: &[(&str, &str, &str)] = &[];

/// Circles that may stay for now: one file of each, why.
const CIRCLES: &[(&str, &str)] = &[
    ("src/daemon/service/outage.rs", "it waits as the worker that calls it; the worker is being taken apart"),
    ("src/tui/model.rs", "the model holds the views, and layouts, help and actions ask the model"),
];

#[test]
fn a_room_names_only_rooms_above_it() {
    let house = &*THIS;
    let table: Vec<&str> = house.table.iter().map(String::as_str).collect();
    let rooms: BTreeSet<&str> = house.modules.keys().filter(|m| m.len() == 1).map(|m| m[0].as_str()).collect();
    assert_eq!(table.iter().copied().collect::<BTreeSet<_>>(), rooms, "the table in src/lib.rs lists every room once");
    assert_eq!(table.len(), rooms.len(), "the table in src/lib.rs lists a room twice");
    let climbs = house.climbs();
    let allowed = |climb: &Arrow| CLIMBS.iter().any(|(file, room, _)| climb.from == *file && climb.room == *room);
    let found: Vec<String> = climbs.iter().filter(|climb| !allowed(climb)).map(Arrow::to_string).collect();
    assert!(found.is_empty(), "{} arrows climb:\n{}", found.len(), found.join("\n"));
    for (file, room, _) in CLIMBS {
        assert!(climbs.iter().any(|c| c.from == *file && c.room == *room), "no longer needed: {file} names {room}");
    }
}

#[test]
fn no_files_of_a_room_name_each_other_in_a_circle() {
    let house = &*THIS;
    let circles = house.circles();
    let allowed = |circle: &BTreeSet<String>| CIRCLES.iter().any(|(file, _)| circle.contains(*file));
    let found: Vec<String> = circles.iter().filter(|circle| !allowed(circle)).map(|c| house.told(c)).collect();
    assert!(found.is_empty(), "{} circles:\n{}", found.len(), found.join("\n"));
    for (file, _) in CIRCLES {
        assert!(circles.iter().any(|circle| circle.contains(*file)), "no longer needed: the circle of {file}");
    }
}

#[test]
fn arrows_and_circles_are_found() {
    let house = House::new(&[
        (
            "src/lib.rs",
            "//! | [`low`] | x |\n//! | [`mid`] | x |\n//! | [`top`] | x |\npub mod low; pub mod mid; pub mod top;",
        ),
        (
            "src/low.rs",
            "/// Not [`crate::top`].\nfn f() { let s = \"crate::top\"; }\n\nuse crate::{mid::a::A,\n    low};\nfn g() -> A {}",
        ),
        ("src/mid/mod.rs", "mod a; mod b; pub mod c; pub use a::A; use crate::low;\nfn f() { c::C; }"),
        ("src/mid/a.rs", "use super::b;\nfn f() -> b::B {}"),
        ("src/mid/b.rs", "use super::A; pub struct B(A);\n#[cfg(test)]\nmod tests { use crate::top; }"),
        ("src/mid/c.rs", "use super::A; use super::f as g; fn h() { g() } macro_rules! m { () => { $crate::top::T } }"),
        ("src/top.rs", "use crate::{low::L, mid::{self, A}}; fn f() { mid::c::C }"),
    ]);
    let climbs: Vec<String> = house.climbs().iter().map(Arrow::to_string).collect();
    assert_eq!(
        climbs,
        ["src/low.rs:4 names mid (src/mid/a.rs: A)", "src/mid/c.rs:1 names top (src/top.rs: T)"],
        "and none from tests, comments or strings"
    );
    let circles: Vec<Vec<String>> = house.circles().into_iter().map(|c| c.into_iter().collect()).collect();
    assert_eq!(circles, [["src/mid/a.rs", "src/mid/b.rs"], ["src/mid/c.rs", "src/mid/mod.rs"]]);
    assert!(house.told(&house.circles()[0]).contains("src/mid/a.rs:2 names src/mid/b.rs: B"));
}

/// Errors keep what caused them. Of the source: no function gives a text where an error belongs, and an enum of errors
/// that holds another error gives it as its source: thiserror does so for `#[from]`, `#[source]`, `transparent`, and a
/// field called `source`.
#[test]
fn errors_are_types_and_keep_their_sources() {
    let found: Vec<String> = SOURCES.iter().flat_map(|(file, text)| texts_for_errors(file, text)).collect();
    assert!(found.is_empty(), "texts where an error belongs:\n{}", found.join("\n"));
    let lost: Vec<String> = SOURCES.iter().flat_map(|(file, text)| lost_sources(file, text)).collect();
    assert!(lost.is_empty(), "errors that lose what caused them:\n{}", lost.join("\n"));
    let enums = SOURCES.iter().map(|(_, text)| text.matches("thiserror::Error").count()).sum::<usize>();
    assert!(enums > 10, "the source was not read");
}

#[test]
fn texts_for_errors_and_lost_sources_are_found() {
    for wrong in [
        "fn f() -> Result<u8, String> {}",
        "fn f() -> Result<Result<u8, String>, E> {}",
        "struct S { f: Result<(A, B),\n String> }",
        "type R = std::result::Result<T, &'static str>;",
        "impl FromStr for S { type Err = String; }",
    ] {
        assert_eq!(texts_for_errors("a.rs", wrong).len(), 1, "{wrong}");
    }
    for right in ["fn f() -> Result<String, E> {}", "fn f() -> Result<Map<A, String>, E> {}", "// Result<u8, String>"] {
        assert!(texts_for_errors("a.rs", right).is_empty(), "{right}");
    }
    let of = |body: &str| lost_sources("a.rs", &format!("#[derive(Debug, thiserror::Error)]\nenum E {{ {body} }}"));
    assert_eq!(of("#[error(\"{0}\")] A(io::Error), #[error(\"{e}\")] B { e: Arc<StoreError> }").len(), 2);
    assert!(of("#[error(\"{0}\")] A(#[from] io::Error), #[error(\"x\")] B { source: Arc<io::Error> }").is_empty());
    assert!(of("#[error(transparent)] A(io::Error), #[error(\"{0}\")] B(String)").is_empty());
}

/// Where a `Result` has a text for its error.
fn texts_for_errors(file: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let tree = text.parse::<TokenStream>().expect("Rust");
    each_level(tree, &mut |tokens| {
        for (at, token) in tokens.iter().enumerate() {
            let is_text = |from: usize| match tokens.get(from) {
                Some(TokenTree::Ident(word)) => *word == "String" && !is_punct(tokens.get(from + 1), ':'),
                Some(TokenTree::Punct(sign)) if sign.as_char() == '&' => {
                    let word = |n: usize| tokens.get(n).and_then(ident);
                    word(from + 1).as_deref() == Some("str") || word(from + 3).as_deref() == Some("str")
                }
                _ => false,
            };
            let second = match ident(token).as_deref() {
                Some("Result") if is_punct(tokens.get(at + 1), '<') => second_argument(tokens, at + 1),
                Some("Err") if is_punct(tokens.get(at + 1), '=') => Some(at + 2),
                _ => None,
            };
            if second.is_some_and(is_text) {
                found.push(format!("{file}:{}", token.span().start().line));
            }
        }
    });
    found
}

/// Where the second argument of `<A, B>` begins, of which `<` is at `open`.
fn second_argument(tokens: &[TokenTree], open: usize) -> Option<usize> {
    let mut depth = 0;
    for at in open..tokens.len() {
        let TokenTree::Punct(sign) = &tokens[at] else { continue };
        match sign.as_char() {
            '<' => depth += 1,
            '>' if !is_punct(tokens.get(at.wrapping_sub(1)), '-') => depth -= 1,
            ',' if depth == 1 => return Some(at + 1),
            _ => {}
        }
        if depth == 0 {
            return None;
        }
    }
    None
}

/// Variants of errors that hold another error and do not give it as their source.
fn lost_sources(file: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    each_level(text.parse::<TokenStream>().expect("Rust"), &mut |tokens| {
        for (at, token) in tokens.iter().enumerate() {
            let TokenTree::Group(derive) = token else { continue };
            let derive: String = derive.stream().to_string().split_whitespace().collect();
            if !(derive.starts_with("derive(") && derive.contains("thiserror::Error")) {
                continue;
            }
            let body = tokens[at..].iter().position(|t| ident(t).as_deref() == Some("enum")).map(|n| at + n);
            let Some(TokenTree::Group(body)) = body.and_then(|n| tokens.get(n + 2)) else { continue };
            let body: Vec<TokenTree> = body.stream().into_iter().collect();
            for variant in body.split(|token| is_punct(Some(token), ',')) {
                let words: String = variant.iter().map(|t| format!("{t} ")).collect::<String>();
                // What is said of it stands in strings, and is not looked at.
                let code: String = words.split('"').step_by(2).collect::<Vec<_>>().join(" ");
                let names = |word: &str| code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|w| w == word);
                let holds = code.split(|c: char| !c.is_alphanumeric()).any(|w| w.ends_with("Error") || w == "Gap");
                if holds && !["from", "source", "transparent"].into_iter().any(names) {
                    let line = variant.first().map_or(0, |t| t.span().start().line);
                    found.push(format!("{file}:{line}: {code}"));
                }
            }
        }
    });
    found
}

fn each_level(tree: TokenStream, look: &mut dyn FnMut(&[TokenTree])) {
    let tokens: Vec<TokenTree> = tree.into_iter().collect();
    look(&tokens);
    for token in tokens {
        if let TokenTree::Group(group) = token {
            each_level(group.stream(), look);
        }
    }
}

/// This crate, read once.
static THIS: LazyLock<House> = LazyLock::new(House::of_this_crate);

/// Its files and their texts.
static SOURCES: LazyLock<Vec<(String, String)>> = LazyLock::new(sources);

/// Where a module is: its names from the root on.
type Module = Vec<String>;

/// A file that names what another defines.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Arrow {
    from: String,
    line: usize,
    /// The room that the path goes through first.
    room: String,
    to: String,
    name: String,
    /// Whether it counts inside a room: the name is used and not only handed on, and not by a test.
    inside: bool,
}

impl std::fmt::Display for Arrow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{} names {} ({}: {})", self.from, self.line, self.room, self.to, self.name)
    }
}

/// The crate as its files name each other.
#[derive(Default)]
struct House {
    /// Rooms in the order of the table.
    table: Vec<String>,
    /// The file of each module.
    modules: BTreeMap<Module, String>,
    /// What each module imports: name and where it points.
    imports: BTreeMap<Module, BTreeMap<String, Module>>,
    arrows: Vec<Arrow>,
}

/// A path in the code: where it stands, the module it stands in, its names, and whether it is imported by it.
struct Mention {
    line: usize,
    module: Module,
    path: Vec<String>,
    import: Option<String>,
}

impl House {
    fn of_this_crate() -> Self {
        let files: Vec<(&str, &str)> = SOURCES.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        Self::new(&files)
    }

    fn new(files: &[(&str, &str)]) -> Self {
        let mut house = Self::default();
        let mut trees = BTreeMap::new();
        for (file, text) in files {
            if *file == "src/main.rs" {
                continue;
            }
            if *file == "src/lib.rs" {
                let row = |line: &str| Some(line.strip_prefix("//! | [`")?.split('`').next()?.to_owned());
                house.table = text.lines().filter_map(row).collect();
            }
            let module = file.trim_start_matches("src/").trim_end_matches(".rs").split('/').map(str::to_owned);
            let module: Module = module.filter(|name| name != "mod" && name != "lib").collect();
            house.modules.insert(module.clone(), (*file).to_owned());
            trees.insert(module, text.parse::<TokenStream>().expect("Rust"));
        }
        let mut read = Reader::default();
        for (module, tree) in &trees {
            read.items(tree.clone(), module);
        }
        let in_tests = |module: &[String]| read.tests.iter().any(|test| module.starts_with(test));
        for (module, file) in read.inline {
            house.modules.insert(module, file_of(&house.modules, &file));
        }
        for mention in &read.mentions {
            if let Some(name) = &mention.import {
                let to = house.absolute(&mention.module, &mention.path);
                house.imports.entry(mention.module.clone()).or_default().insert(name.clone(), to);
            }
        }
        for mention in &read.mentions {
            let used = |name: &String| read.words.get(&mention.module).is_some_and(|words| words.contains(name));
            let handed_on = mention.import.as_ref().is_some_and(|name| !used(name));
            let arrow = house.arrow(mention);
            house.arrows.extend(arrow.map(|arrow| Arrow { inside: !handed_on && !in_tests(&mention.module), ..arrow }));
        }
        house.arrows.sort();
        house.arrows.dedup();
        house
    }

    /// A path from the root on; empty where it leads out of the crate.
    fn absolute(&self, module: &[String], path: &[String]) -> Module {
        let mut at = module.to_vec();
        let mut rest = path;
        match path[0].as_str() {
            "crate" | "mixlaw" => (at, rest) = (Vec::new(), &path[1..]),
            "self" => rest = &path[1..],
            "super" => {}
            first => {
                let child = [module, &[first.to_owned()]].concat();
                match self.imports.get(module).and_then(|imports| imports.get(first)) {
                    _ if self.modules.contains_key(&child) => {}
                    Some(imported) if path.len() > 1 => (at, rest) = (imported.clone(), &path[1..]),
                    _ => return Vec::new(),
                }
            }
        }
        while let Some(("super", after)) = rest.split_first().map(|(first, after)| (first.as_str(), after)) {
            at.pop();
            rest = after;
        }
        at.extend_from_slice(rest);
        at
    }

    /// What a path names in the end: the module that defines it and its name. `None` for a module itself.
    fn defined(&self, path: &[String]) -> Option<(Module, String)> {
        let mut path = path.to_vec();
        for _ in 0..9 {
            let depth = (0..=path.len()).rev().find(|n| self.modules.contains_key(&path[..*n]))?;
            let (module, rest) = path.split_at(depth);
            let name = rest.first()?;
            match self.imports.get(module).and_then(|imports| imports.get(name)).filter(|to| !to.is_empty()) {
                Some(to) if *to != path => path = [&to[..], &rest[1..]].concat(),
                _ => return Some((module.to_vec(), name.clone())),
            }
        }
        None
    }

    fn arrow(&self, mention: &Mention) -> Option<Arrow> {
        let path = self.absolute(&mention.module, &mention.path);
        let (module, name) = self.defined(&path)?;
        let room = if path.len() > 1 { path.first() } else { module.first() };
        let (from, to) = (&self.modules[&mention.module], &self.modules[&module]);
        let room = room.or_else(|| mention.module.first())?.clone();
        (from != to).then(|| Arrow { from: from.clone(), line: mention.line, room, to: to.clone(), name, inside: true })
    }

    /// The room of a file; `None` for the root.
    fn room(&self, file: &str) -> Option<&str> {
        self.modules.iter().find(|(_, f)| *f == file).and_then(|(module, _)| module.first()).map(String::as_str)
    }

    /// Arrows to a room that the table does not list above the file's own; the first of each file to each room.
    fn climbs(&self) -> Vec<Arrow> {
        let floor = |room: &str| self.table.iter().position(|r| r == room);
        let climbs = |arrow: &&Arrow| {
            self.room(&arrow.from).is_some_and(|from| from != arrow.room && floor(&arrow.room) >= floor(from))
        };
        let mut seen = BTreeSet::new();
        let first = |arrow: &&Arrow| seen.insert((arrow.from.clone(), arrow.room.clone()));
        self.arrows.iter().filter(climbs).filter(first).cloned().collect()
    }

    /// Sets of files within a room of which each reaches each other.
    fn circles(&self) -> Vec<BTreeSet<String>> {
        let inside = self.arrows.iter().filter(|a| a.inside && self.room(&a.from) == self.room(&a.to));
        let mut next: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        inside.for_each(|arrow| _ = next.entry(&arrow.from).or_default().insert(&arrow.to));
        let mut reached: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for from in next.keys() {
            let (seen, mut todo) = (reached.entry(from).or_default(), vec![*from]);
            while let Some(file) = todo.pop() {
                todo.extend(next.get(file).into_iter().flatten().copied().filter(|to| seen.insert(*to)));
            }
        }
        let with = |file: &str| {
            let back = |to: &&&str| reached.get(**to).is_some_and(|files| files.contains(file));
            reached[file].iter().filter(back).map(|to| (*to).to_owned()).collect::<BTreeSet<String>>()
        };
        let circles: BTreeSet<BTreeSet<String>> = next.keys().map(|file| with(file)).filter(|c| c.len() > 1).collect();
        circles.into_iter().collect()
    }

    /// A circle with the lines that make it.
    fn told(&self, circle: &BTreeSet<String>) -> String {
        let mut lines: BTreeMap<(&str, &str), (usize, BTreeSet<&str>)> = BTreeMap::new();
        for arrow in self.arrows.iter().filter(|a| a.inside && circle.contains(&a.from) && circle.contains(&a.to)) {
            let names = lines.entry((&arrow.from, &arrow.to)).or_insert((arrow.line, BTreeSet::new()));
            names.1.insert(&arrow.name);
        }
        let lines = lines.into_iter().map(|((from, to), (line, names))| {
            format!("    {from}:{line} names {to}: {}", names.into_iter().collect::<Vec<_>>().join(", "))
        });
        format!("{} files:\n{}", circle.len(), lines.collect::<Vec<_>>().join("\n"))
    }
}

fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    let mut folders = vec![root.join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("src can be read") {
            let path = entry.expect("src can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(root).expect("inside").to_string_lossy().replace('\\', "/");
                files.push((name, fs::read_to_string(path).expect("a text")));
            }
        }
    }
    files
}

fn file_of(modules: &BTreeMap<Module, String>, module: &[String]) -> String {
    let depth = (0..=module.len()).rev().find(|n| modules.contains_key(&module[..*n])).unwrap_or(0);
    modules.get(&module[..depth]).cloned().unwrap_or_default()
}

/// Collects what the files say.
#[derive(Default)]
struct Reader {
    mentions: Vec<Mention>,
    /// Modules inside a file.
    inline: Vec<(Module, Module)>,
    /// Modules that are compiled for tests only.
    tests: Vec<Module>,
    /// Words of each module outside its `use` lines.
    words: BTreeMap<Module, BTreeSet<String>>,
}

impl Reader {
    fn items(&mut self, tree: TokenStream, module: &Module) {
        let tokens: Vec<TokenTree> = tree.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            let word = |n: usize| tokens.get(n).and_then(ident);
            match (word(at).as_deref(), &tokens[at]) {
                (None, TokenTree::Punct(p)) if p.as_char() == '#' && is_for_tests(tokens.get(at + 1)) => {
                    let item = at + 2..(at + 7).min(tokens.len());
                    if let Some(n) = item.into_iter().find(|n| word(*n).as_deref() == Some("mod")) {
                        self.tests.push([&module[..], &[word(n + 1).unwrap_or_default()]].concat());
                    }
                    at += 2;
                }
                (None, TokenTree::Group(group)) => {
                    self.items(group.stream(), module);
                    at += 1;
                }
                (Some("use"), _) => {
                    let end = (at..tokens.len()).find(|n| is_punct(tokens.get(*n), ';')).unwrap_or(tokens.len());
                    self.import(&tokens[at + 1..end], &[], module);
                    at = end + 1;
                }
                (Some("mod"), _) => {
                    if let Some(TokenTree::Group(body)) = tokens.get(at + 2) {
                        let inner = [&module[..], &[word(at + 1).unwrap_or_default()]].concat();
                        self.inline.push((inner.clone(), module.clone()));
                        self.items(body.stream(), &inner);
                    }
                    at += 3;
                }
                (Some(first), token) => {
                    self.words.entry(module.clone()).or_default().insert(first.to_owned());
                    let line = token.span().start().line;
                    let mut path = vec![first.to_owned()];
                    at += 1;
                    while is_punct(tokens.get(at), ':') && is_punct(tokens.get(at + 1), ':') {
                        let Some(next) = word(at + 2) else { break };
                        path.push(next);
                        at += 3;
                    }
                    if path.len() > 1 {
                        self.mentions.push(Mention { line, module: module.clone(), path, import: None });
                    }
                }
                _ => at += 1,
            }
        }
    }

    /// The names in a tree of `use`.
    fn import(&mut self, tokens: &[TokenTree], before: &[String], module: &Module) {
        for part in tokens.split(|token| is_punct(Some(token), ',')) {
            let mut path = before.to_vec();
            let (mut line, mut name) = (0, None);
            let mut words = part.iter();
            while let Some(token) = words.next() {
                match token {
                    TokenTree::Ident(word) if *word == "as" => name = words.next().and_then(ident),
                    TokenTree::Ident(word) if *word == "self" && !path.is_empty() => line = word.span().start().line,
                    TokenTree::Ident(word) => {
                        line = word.span().start().line;
                        path.push(word.to_string());
                    }
                    TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                        self.import(&group.stream().into_iter().collect::<Vec<_>>(), &path, module);
                    }
                    _ => {}
                }
            }
            if line > 0 && !matches!(part.last(), Some(TokenTree::Group(_))) {
                let import = name.or_else(|| path.last().cloned());
                self.mentions.push(Mention { line, module: module.clone(), path, import });
            }
        }
    }
}

fn ident(token: &TokenTree) -> Option<String> {
    if let TokenTree::Ident(word) = token { Some(word.to_string()) } else { None }
}

fn is_punct(token: Option<&TokenTree>, sign: char) -> bool {
    matches!(token, Some(TokenTree::Punct(p)) if p.as_char() == sign)
}

/// `[cfg(test)]`, `[cfg(any(test, …))]`.
fn is_for_tests(attribute: Option<&TokenTree>) -> bool {
    let Some(TokenTree::Group(group)) = attribute else { return false };
    let text: String = group.stream().to_string().split_whitespace().collect();
    text == "cfg(test)" || text.starts_with("cfg(any(test,") || text.starts_with("cfg(all(test,")
}
