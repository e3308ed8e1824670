//! Pieces of a message that is larger than the server takes (NATS: 1 MiB unless set). All pieces of a message have its number; one
//! that was begun and not finished, as its sender was killed, is given up when another begins.

use std::collections::HashMap;

/// Bytes of a piece, at most: below what servers take by default, with room for headers.
pub const PIECE: usize = 768 << 10;
/// Most pieces of a message.
const MOST: u32 = 1024;
/// Most bytes of all messages that are not whole; above it, the one that was begun first is given up.
const WAITING: usize = 256 << 20;
/// Messages of others after which one that was begun is given up: its sender is gone, and reading would go on from it for ever.
const PATIENCE: u64 = 1 << 20;

/// A message in pieces: place of each, number of all, bytes.
pub fn cut(bytes: &[u8]) -> impl Iterator<Item = (u32, u32, &[u8])> {
    let count = bytes.len().div_ceil(PIECE).max(1) as u32;
    (0..count).map(move |at| {
        let from = at as usize * PIECE;
        (at, count, &bytes[from..bytes.len().min(from + PIECE)])
    })
}

/// Puts pieces of several nodes together.
#[derive(Debug, Default)]
pub struct Pieces {
    /// By subject: the next piece, how many there are, where the first was in the stream, and what is there.
    open: HashMap<String, (u32, u32, u64, Vec<u8>)>,
}

impl Pieces {
    /// Takes a piece; returns the message when it is whole. A piece that does not follow is given up with what was before it.
    pub fn take(&mut self, subject: &str, sequence: u64, (at, count): (u32, u32), bytes: &[u8]) -> Option<Vec<u8>> {
        if count <= 1 {
            self.open.remove(subject);
            return Some(bytes.to_vec());
        }
        self.give_up(sequence);
        if at == 0 && count <= MOST {
            self.open.insert(subject.to_owned(), (1, count, sequence, bytes.to_vec()));
            return None;
        }
        match self.open.get_mut(subject) {
            Some((next, of, _, whole)) if *next == at && *of == count => {
                whole.extend_from_slice(bytes);
                *next += 1;
                if *next < count {
                    return None;
                }
                self.open.remove(subject).map(|(_, _, _, whole)| whole)
            }
            _ => {
                self.open.remove(subject);
                None
            }
        }
    }

    /// Gives up what cannot be finished any more, as far as can be told.
    fn give_up(&mut self, sequence: u64) {
        self.open.retain(|_, (_, _, first, _)| *first + PATIENCE > sequence);
        while self.open.values().map(|(_, _, _, bytes)| bytes.len()).sum::<usize>() > WAITING {
            let oldest =
                self.open.iter().min_by_key(|(_, (_, _, first, _))| *first).map(|(subject, _)| subject.clone());
            oldest.and_then(|subject| self.open.remove(&subject));
        }
    }

    /// Where in the stream the oldest message began that is not whole: from there on, everything has to be read again after a crash.
    #[must_use]
    pub fn oldest(&self) -> Option<u64> {
        self.open.values().map(|(_, _, sequence, _)| *sequence).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_make_the_message_and_what_was_given_up_does_not_come_back() {
        let message: Vec<u8> = (0..2 * PIECE + 5).map(|n| (n % 251) as u8).collect();
        let pieces: Vec<_> = cut(&message).collect();
        assert_eq!(pieces.len(), 3);
        let mut all = Pieces::default();
        assert_eq!(all.take("a", 5, (0, 3), pieces[0].2), None);
        assert_eq!(all.take("b", 6, (0, 1), b"short").as_deref(), Some(&b"short"[..]));
        assert_eq!((all.take("a", 7, (1, 3), pieces[1].2), all.oldest()), (None, Some(5)));
        // Killed, and begun again.
        for (at, count, bytes) in &pieces[..2] {
            assert_eq!(all.take("a", 8 + u64::from(*at), (*at, *count), bytes), None);
        }
        assert_eq!(all.oldest(), Some(8));
        assert_eq!(all.take("a", 10, (2, 3), pieces[2].2), Some(message.clone()));
        assert_eq!(all.take("a", 11, (2, 3), pieces[2].2), None, "a piece without those before it");
        assert_eq!(all.take("a", 12, (0, u32::MAX), b"x"), None);
        assert_eq!(all.oldest(), None);
        assert_eq!(all.take("a", 20, (0, 2), b"begun, and its sender is gone"), None);
        assert_eq!((all.take("b", 21, (0, 2), b"x"), all.oldest()), (None, Some(20)));
        assert_eq!((all.take("b", 20 + PATIENCE, (1, 2), b"y").as_deref(), all.oldest()), (Some(&b"xy"[..]), None));
        // Whoever begins messages without end costs no memory without end.
        let piece = vec![0; 8 << 20];
        for subject in 0..100u64 {
            all.take(&subject.to_string(), 2 * PATIENCE + subject, (0, 3), &piece);
        }
        assert!(all.open.values().map(|open| open.3.len()).sum::<usize>() <= WAITING + piece.len());
        assert!(all.oldest() > Some(2 * PATIENCE + 60));
        assert_eq!(cut(b"").collect::<Vec<_>>(), [(0, 1, &b""[..])]);
    }
}
