//! TensorBoard event files: what PyTorch, tensorboardX, torchtitan, Hugging Face, Megatron, Lightning and Keras write.
//!
//! A file is a sequence of records, `u64 length | u32 crc(length) | data | u32 crc(data)`, little-endian; a checksum is
//! CRC-32C, rotated and offset. The data is an `Event` (tensorflow/core/util/event.proto) with at most one `Summary`
//! (tensorflow/core/framework/summary.proto), whose values are points.
//!
//! A file is written while it is read, often by another host: a record that is not whole yet waits. A block of zero bytes, which
//! a crash leaves, is passed over once a record stands behind it, with the record that it cut. Any other length whose
//! checksum is wrong ends the file, since nothing says where the next record starts; a record whose data are damaged is
//! left out and reported. As in TensorBoard's own server, the checksum of data is looked at only where they are no event.

use super::protobuf::{Fields, Malformed, Unread, Wire, varint};
use super::saved::{self, Reader};
use super::scan::{ODD_STEP, is_step, text};
use super::tensor::{self, Tensor};
use super::{Format, FormatError, Parser, Recognition, Sink};
use crate::ingest::facts;
use crate::ingest::facts::megatron::Arguments;

/// Bytes of a record around its data.
const HEADER: usize = 12;
const FOOTER: usize = 4;

/// Longer records are passed over unread: pictures, graphs, embeddings. A summary of ten thousand scalars has 0.5 MB.
const LONGEST: u64 = 16 << 20;

/// The format.
pub struct TfEvents;

impl Format for TfEvents {
    fn name(&self) -> &'static str {
        "tfevents"
    }

    fn framed(&self) -> bool {
        true
    }

    fn recognise(&self, _path: &str, head: &[u8]) -> Option<Recognition> {
        let length = length(head.first_chunk::<HEADER>()?)?;
        let version =
            usize::try_from(length).ok().and_then(|length| head.get(HEADER..)?.get(..length)).and_then(file_version);
        Some(match version {
            Some(version) => Recognition { confidence: 100, why: format!("TensorBoard records, version '{version}'") },
            None => {
                Recognition { confidence: 95, why: "a TensorBoard record whose length has a valid checksum".into() }
            }
        })
    }

    fn parser(&self, _path: &str) -> Box<dyn Parser> {
        Box::<EventParser>::default()
    }
}

/// The checksum of records: CRC-32C, rotated and offset so that a checksum of data that holds checksums stays sound.
#[must_use]
pub fn masked_crc(data: &[u8]) -> u32 {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The length in a record's header, if its checksum is right.
fn length(header: &[u8; HEADER]) -> Option<u64> {
    let (length, crc) = header.split_first_chunk::<8>()?;
    (masked_crc(length).to_le_bytes() == crc).then_some(u64::from_le_bytes(*length))
}

/// Why a record before a block of zero bytes is left out.
const CUT: &str = "a TensorBoard record that was cut off";

/// Where the first record begins behind a block of zero bytes, which begins at `from` at the latest; `None` where there is no
/// such block, or nothing behind it yet.
fn behind_zeros(input: &[u8], from: usize) -> Option<usize> {
    const BLOCK: usize = HEADER + FOOTER;
    let zeros = memchr::memmem::find(&input[..input.len().min(from + BLOCK)], &[0; BLOCK])?;
    let end = zeros + input[zeros..].iter().position(|byte| *byte != 0)?;
    // The lowest bytes of a length may be zeros, too.
    (end.saturating_sub(7)..=end)
        .find(|at| input.get(*at..).and_then(<[u8]>::first_chunk).and_then(length).is_some_and(|length| length > 0))
}

fn file_version(event: &[u8]) -> Option<String> {
    Fields::new(event).flatten().find_map(|field| match field {
        (3, Wire::Bytes(version)) => Some(crate::vocab::text::printable(&String::from_utf8_lossy(version))),
        _ => None,
    })
}

/// Reads one file. All that must be known between two records is how much of a record that is passed over is left, and,
/// before the first number, which of Megatron's arguments were told: each has a record of its own.
#[derive(Default)]
struct EventParser {
    skip: u64,
    arguments: Arguments,
}

impl Parser for EventParser {
    fn feed(&mut self, input: &[u8], last: bool, sink: &mut Sink) -> Result<usize, FormatError> {
        let mut at = 0;
        loop {
            if self.skip > 0 {
                let skipped = self.skip.min((input.len() - at) as u64);
                self.skip -= skipped;
                at += skipped as usize;
            }
            let rest = &input[at..];
            let Some(header) = rest.first_chunk::<HEADER>() else { break };
            let Some(length) = length(header) else {
                if let Some(next) = behind_zeros(rest, HEADER) {
                    if header[0] != 0 {
                        sink.damaged(at, CUT);
                    }
                    at += next;
                    continue;
                }
                // Network file systems show zeros where data of another host are still on the way.
                let zeros = rest.iter().rev().take_while(|byte| **byte == 0).count();
                if at > 0 || rest.len() - zeros < HEADER && (!last || header[0] == 0) {
                    break;
                }
                return Err(FormatError::Stuck(
                    "the length of a TensorBoard record has a wrong checksum; the rest of the file cannot be read"
                        .into(),
                ));
            };
            if length > LONGEST {
                self.skip = length.saturating_add((HEADER + FOOTER) as u64);
                continue;
            }
            let whole = HEADER + length as usize + FOOTER;
            let Some(record) = rest.get(..whole) else { break };
            let (data, crc) = record[HEADER..].split_at(length as usize);
            if crc == [0; FOOTER] && rest[whole..].first_chunk().and_then(self::length).is_none() {
                if let Some(next) = behind_zeros(&rest[HEADER..], length as usize) {
                    sink.damaged(at, CUT);
                    at += HEADER + next;
                    continue;
                }
                // The end of the record may be on the way, too: a number whose last bytes are missing is a number.
                if !last {
                    break;
                }
            }
            let (points, facts, restarts) = (sink.points.len(), sink.facts.len(), sink.restarts.len());
            if let Err(why) = event(data, &mut self.arguments, sink) {
                sink.points.truncate(points);
                sink.facts.truncate(facts);
                sink.restarts.truncate(restarts);
                let right = masked_crc(data).to_le_bytes() == crc;
                if !right && !last && rest.len() == whole {
                    break;
                }
                let reason = match (right, why) {
                    (true, Unread::OddStep) => ODD_STEP,
                    (true, Unread::Malformed) => "a TensorBoard record with a valid checksum that is not an event",
                    (false, _) => "a TensorBoard record has a wrong checksum",
                };
                sink.damaged(at, reason);
            }
            at += whole;
        }
        Ok(at)
    }

    fn save(&self) -> Vec<u8> {
        if self.skip == 0 && self.arguments.is_empty() {
            return Vec::new();
        }
        let mut to = self.skip.to_le_bytes().to_vec();
        for (name, value, _) in self.arguments.iter() {
            saved::bytes(&mut to, name.as_bytes());
            saved::bytes(&mut to, value.as_bytes());
        }
        to
    }

    fn resume(&mut self, saved: &[u8]) -> Result<(), FormatError> {
        if saved.is_empty() {
            return Ok(());
        }
        let foreign = || FormatError::OtherParser;
        let (skip, arguments) = saved.split_first_chunk().ok_or_else(foreign)?;
        self.skip = u64::from_le_bytes(*skip);
        let mut from = Reader::new(arguments);
        while !from.is_empty() {
            let (Some(name), Some(value)) = (from.bytes(), from.bytes()) else { return Err(foreign()) };
            self.arguments.note(&text(name), &text(value), 0);
        }
        Ok(())
    }
}

fn event(message: &[u8], arguments: &mut Arguments, sink: &mut Sink) -> Result<(), Unread> {
    if arguments.is_empty()
        && let Some(Plain { wall, step, tag, value }) = Plain::read(message)
    {
        let metric = sink.metric_bytes(tag);
        sink.point(metric, step, f64::from(value), wall);
        return Ok(());
    }
    let (mut wall, mut step, mut summary, mut session) = (f64::NAN, 0, None, None);
    for field in Fields::new(message) {
        match field? {
            (1, Wire::Fixed64(bits)) => wall = f64::from_bits(bits),
            (2, Wire::Varint(value)) => step = value as i64,
            (5, Wire::Bytes(bytes)) => summary = Some(bytes),
            (7, Wire::Bytes(bytes)) => session = Some(bytes),
            _ => {}
        }
    }
    if let Some(session) = session {
        for field in Fields::new(session) {
            // SessionLog.status == START: TensorBoard drops what older starts wrote from this step on.
            if let (1, Wire::Varint(1)) = field? {
                sink.restarted(step);
            }
        }
    }
    let before = sink.points.len();
    for field in Fields::new(summary.unwrap_or_default()) {
        if let (1, Wire::Bytes(bytes)) = field? {
            value(bytes, step, wall, arguments, sink)?;
        }
    }
    if sink.points.len() > before && !is_step(step) {
        return Err(Unread::OddStep);
    }
    if !arguments.is_empty() && sink.points.len() > before {
        // Megatron has told all of them before its first number.
        let told = std::mem::take(arguments);
        for (name, value, place) in told.are_megatrons().then(|| told.facts()).into_iter().flatten() {
            sink.fact(name, value, format!("{place}/text_summary"));
        }
    }
    Ok(())
}

/// An event of one number, as nearly all are: its fields in the order of their numbers, as every library writes them.
struct Plain<'a> {
    wall: f64,
    step: i64,
    tag: &'a [u8],
    value: f32,
}

impl<'a> Plain<'a> {
    /// `None` for anything else, which is walked through field by field.
    fn read(message: &'a [u8]) -> Option<Self> {
        let (wall, mut rest) = message.strip_prefix(&[0x09])?.split_first_chunk()?;
        // A step of 0 is left out.
        let mut step = 0;
        if let Some(after) = rest.strip_prefix(&[0x10]) {
            rest = after;
            step = Some(varint(&mut rest).ok()? as i64).filter(|step| is_step(*step))?;
        }
        // Summary, its only value, and the tag of that: each as long as it says.
        let inner = |rest: &'a [u8], key: u8| {
            let mut rest = rest.strip_prefix(&[key])?;
            let length = varint(&mut rest).ok()?;
            (length == rest.len() as u64).then_some(rest)
        };
        let mut rest = inner(inner(rest, 0x2a)?, 0x0a)?.strip_prefix(&[0x0a])?;
        let length = usize::try_from(varint(&mut rest).ok()?).ok()?;
        let (tag, rest) = rest.split_at_checked(length)?;
        let value = rest.strip_prefix(&[0x15])?.try_into().ok()?;
        Some(Self { wall: f64::from_le_bytes(*wall), step, tag, value: f32::from_le_bytes(value) })
    }
}

fn value(message: &[u8], step: i64, wall: f64, arguments: &mut Arguments, sink: &mut Sink) -> Result<(), Malformed> {
    let (mut tag, mut simple, mut tensor, mut metadata) = (&[][..], None, None, None);
    for field in Fields::new(message) {
        match field? {
            (1, Wire::Bytes(bytes)) => tag = bytes,
            (2, Wire::Fixed32(bits)) => simple = Some(f32::from_bits(bits)),
            (8, Wire::Bytes(bytes)) => tensor = Some(bytes),
            (9, Wire::Bytes(bytes)) => metadata = Some(bytes),
            _ => {}
        }
    }
    if let Some(simple) = simple {
        let metric = sink.metric_bytes(tag);
        sink.point(metric, step, f64::from(simple), wall);
        return Ok(());
    }
    if let Some(tensor) = tensor {
        match tensor::read(tensor)? {
            Tensor::Scalar(value) => {
                let metric = sink.metric_bytes(tag);
                sink.point(metric, step, value, wall);
            }
            Tensor::Text(value) => {
                let tag = text(tag);
                arguments.note(tag.strip_suffix("/text_summary").unwrap_or(&tag), &text(value), 0);
                facts::tensorboard::text(&tag, value, sink);
            }
            Tensor::Other => {}
        }
    }
    if let Some(metadata) = metadata.filter(|_| tag == b"_hparams_/session_start_info") {
        facts::tensorboard::hparams(metadata, sink)?;
    }
    Ok(())
}
