//! What stands between the trainings of one log: titles, and the settings that a training is started with.

use crate::ingest::formats::saved::{self, Reader};
use regex::bytes::Regex;
use std::sync::LazyLock;
use xxhash_rust::xxh3::Xxh3;

static TITLE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^\s*[=#*~>+-]{3,}\s*(.*?)\s*[=#*~<+-]*\s*$").ok());
static COUNTER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)^[\[(]?\s*(?:(?:run|job|training|experiment|trial|config)\s*)?#?(\d+)\s*(?:/|of)\s*(\d+)\s*[\])]?\s*[:.-]?\s*").ok()
});
static WORDS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)^(?:(?:now |start(?:ing)?|begin(?:ning)?|running|run|training|train|job|experiment|trial|config(?:uration)?|name)\b[ :]*)+").ok()
});

static NUMBERED: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)^(seed|fold|mix|lr)[ =:#]+([0-9][0-9a-z.-]*)(?:\s|$)").ok());

/// A title: the name of a run, and how many there will be where it says so.
pub(in crate::ingest::formats::console) fn title(line: &[u8]) -> Option<(String, u64)> {
    if line.len() > 200 {
        return None;
    }
    let Some(inner) = TITLE.as_ref()?.captures(line) else { return counted(line) };
    let inner = inner.get(1)?.as_bytes();
    let counted = COUNTER.as_ref()?.captures(inner);
    let of = counted.as_ref().and_then(|c| std::str::from_utf8(&c[2]).ok()?.parse().ok()).unwrap_or(0);
    let rest = &inner[counted.as_ref().map_or(0, |c| c[0].len())..];
    let rest = &rest[WORDS.as_ref()?.find(rest).map_or(0, |words| words.end())..];
    let name = std::str::from_utf8(rest).ok()?.trim().trim_matches(['"', '\'', ':']);
    // 'seed 2 start 2026-05-18'
    let numbered = NUMBERED.as_ref().and_then(|numbered| numbered.captures(rest)).filter(|_| of <= 1);
    if let Some(found) = numbered {
        let text = |at: usize| String::from_utf8_lossy(&found[at]).to_ascii_lowercase();
        return Some((text(1) + &text(2), of));
    }
    let is_name = !name.is_empty() && name.len() <= 100 && !name.contains(char::is_whitespace);
    (is_name || of > 1).then(|| (if is_name { name.to_owned() } else { String::new() }, of))
}

/// A title without signs, which counts: `[2/3] mix1`. The first of them may count what is done before training.
fn counted(line: &[u8]) -> Option<(String, u64)> {
    let may = line.first().is_some_and(|b| matches!(b, b'[' | b'(' | b'#') || b.is_ascii_digit());
    let found = COUNTER.as_ref().filter(|_| may)?.captures(line)?;
    let number = |at: usize| std::str::from_utf8(&found[at]).ok()?.parse::<u64>().ok();
    let (n, of) = (number(1)?, number(2)?);
    let rest = &line[found[0].len()..];
    let rest = &rest[WORDS.as_ref()?.find(rest).map_or(0, |words| words.end())..];
    let name = std::str::from_utf8(rest).ok()?.trim().trim_matches(['"', '\'', ':']);
    let is_name = name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.len() <= 100
        && !name.contains(char::is_whitespace);
    (is_name && (2..=of).contains(&n) && of <= 10_000).then(|| (name.to_owned(), 0))
}

/// What a training is called: by its title, with its number where the one before had the same, or by its number.
pub(in crate::ingest::formats::console) fn called(before: &str, title: String, number: &str) -> String {
    let is_number = |rest: &str| rest.strip_prefix('-').is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
    let same = before.strip_prefix(title.as_str()).is_some_and(|rest| rest.is_empty() || is_number(rest));
    match (title.is_empty(), same) {
        (true, _) => number.to_owned(),
        (false, true) => format!("{title}-{number}"),
        (false, false) => title,
    }
}

/// Where settings of a training are printed, by kind.
static SETTINGS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(Namespace\()|(python |python3 |torchrun |accelerate launch |deepspeed )|(tarting run|tarting experiment|unning experiment|un_name|un name|xperiment_name|xperiment name)",
    )
    .ok()
});
/// What differs from start to start of one training.
static OF_A_START: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?i)[-\w]*(?:port|rdzv|addr|host|rank|resume|load|ckpt|checkpoint|run_id|time|date)[-\w]*\s*[= ]\s*'?[^\s',)]*'?",
    )
    .ok()
});
/// What a setting says that the run is called.
static NAMED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?i)(?:(?:^|[\s(,-])(?:run[_-]?name|exp(?:eriment)?[_-]?name|exp|wandb[_-]?name|name|output[_-]dir|out[_-]dir)[= ]+|\b(?:run|experiment)(?:[_ ]name)?(?::| )\s*)'?([^\s',():=-][^\s',():=]*)",
    )
    .ok()
});

/// What there is in what stands before a training and tells of it: settings, and the signs of a title.
static HINTS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"===|###|\*\*\*|---|>>>|\+\+\+|~~~|Namespace\(|python |python3 |torchrun |accelerate launch |deepspeed |tarting run|tarting experiment|unning experiment|un_name|un name|xperiment_name|xperiment name",
    )
    .ok()
});

/// Whether a stretch may have a title or settings in it.
pub(super) fn may_tell(stretch: &[u8]) -> bool {
    HINTS.as_ref().is_some_and(|hints| hints.is_match(stretch))
}

/// Longest stretch of a setting that is compared.
const COMPARED: usize = 2 << 10;

/// The settings of a training, as far as they are told: of each kind the first.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Settings {
    told: [u64; 3],
    /// What they say that the run is called.
    pub name: String,
}

impl Settings {
    /// Takes note of the settings in a stretch of whole lines.
    pub fn note(&mut self, stretch: &[u8]) {
        let Some(settings) = SETTINGS.as_ref() else { return };
        for found in settings.captures_iter(stretch) {
            let Some(kind) = (0..3).find(|kind| found.get(kind + 1).is_some()) else { continue };
            let start = found.get(0).map_or(0, |all| all.start());
            let word = stretch[..start].iter().rev().take_while(|b| b.is_ascii_alphanumeric()).count();
            let start = start - word;
            let end = memchr::memchr2(b'\n', b'\r', &stretch[start..]).map_or(stretch.len(), |length| start + length);
            let text = &stretch[start..end.min(start + COMPARED)];
            if self.told[kind] == 0 {
                let same = OF_A_START.as_ref().map_or(text.into(), |of| of.replace_all(text, &b""[..]));
                let mut hash = Xxh3::new();
                hash.update(&same);
                self.told[kind] = hash.digest().max(1);
            }
            if self.name.is_empty()
                && let Some(name) = NAMED.as_ref().and_then(|named| named.captures(text)).and_then(|named| named.get(1))
                && let Ok(name) = std::str::from_utf8(name.as_bytes())
            {
                let name = name.trim_end_matches('/').rsplit('/').next().unwrap_or(name);
                if name.len() <= 100 && name.chars().any(char::is_alphanumeric) {
                    name.clone_into(&mut self.name);
                }
            }
        }
    }

    /// Whether something that both say differs.
    pub fn differ(&self, others: &Self) -> bool {
        self.told.iter().zip(others.told).any(|(own, other)| *own != 0 && other != 0 && *own != other)
    }

    /// Writes what must be known to go on.
    pub fn save(&self, to: &mut Vec<u8>) {
        self.told.iter().for_each(|hash| saved::bytes(to, &hash.to_le_bytes()));
        saved::bytes(to, self.name.as_bytes());
    }

    /// Takes up what [`Settings::save`] wrote.
    pub fn resume(from: &mut Reader<'_>) -> Option<Self> {
        let mut settings = Self::default();
        for hash in &mut settings.told {
            *hash = u64::from_le_bytes(from.bytes()?.try_into().ok()?);
        }
        settings.name = String::from_utf8(from.bytes()?.to_vec()).ok()?;
        Some(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_set_off_and_name_a_run() {
        for (line, expected) in [
            ("===== [1/3] A0_mix0_d12 =====", Some(("A0_mix0_d12", 3))),
            ("### Running experiment mix-2 ###", Some(("mix-2", 0))),
            ("--- Run 2/5: lr3e-4 ---", Some(("lr3e-4", 5))),
            (">>> training big", Some(("big", 0))),
            ("==========", None),
            ("***** Running training *****", None),
            ("step 10/20 | loss 2.5", None),
            ("=== Loading the data set now ===", None),
            ("[2/3] mix1", Some(("mix1", 0))),
            ("[1/3] Downloading", None),
            ("=== seed 2 start 2026-05-18T15:03:48+00:00 ===", Some(("seed2", 0))),
            ("[2/3] Loading the model", None),
        ] {
            assert_eq!(title(line.as_bytes()), expected.map(|(name, of)| (name.to_owned(), of)), "{line}");
        }
    }

    #[test]
    fn settings_are_told_apart_but_for_what_differs_from_start_to_start() {
        let of = |text: &str| {
            let mut settings = Settings::default();
            settings.note(text.as_bytes());
            settings
        };
        for (one, other, differ) in [
            ("Namespace(data='web', lr=0.1)\n", "Namespace(data='code', lr=0.1)\n", true),
            ("Namespace(data='web', master_port=1)\n", "Namespace(data='web', master_port=2)\n", false),
            ("+ torchrun --master_port 1 train.py --lr 1\n", "+ torchrun --master_port 2 train.py --lr 1\n", false),
            ("python train.py --lr 1\n", "python train.py --lr 2\n", true),
            ("python train.py --lr 1\n", "Namespace(lr=2)\n", false),
            ("loading\n", "python train.py\n", false),
        ] {
            assert_eq!(of(one).differ(&of(other)), differ, "{one}{other}");
        }
        for (text, name) in [
            ("python train.py --run-name mix1 --lr 1\n", "mix1"),
            ("Namespace(lr=1, output_dir='out/mix2')\n", "mix2"),
            ("Starting run: mix3\n", "mix3"),
            ("Running experiment mix4 (4/5)\n", "mix4"),
            ("run_name: mix5\n", "mix5"),
            ("python train.py\n", ""),
            ("command=torchrun --standalone train.py --seed 2\n", ""),
        ] {
            assert_eq!(of(text).name, name, "{text}");
        }
    }
}
