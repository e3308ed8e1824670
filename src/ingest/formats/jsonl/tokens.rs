//! What stands before each value of a line, side by side in memory in the order of first appearance: of lines with thousands of
//! keys, each at a place of its own was waited for longer than its number took to read.

/// The bytes of all keys.
#[derive(Debug, Default)]
pub struct Tokens(Vec<u8>);

/// Where those of one key are.
#[derive(Debug, Clone, Copy, Default)]
pub struct Token {
    at: usize,
    length: usize,
    /// How many there is room for.
    room: usize,
}

impl Token {
    /// How many bytes.
    pub fn len(self) -> usize {
        self.length
    }
}

impl Tokens {
    /// The bytes of a key.
    pub fn of(&self, token: Token) -> &[u8] {
        &self.0[token.at..token.at + token.length]
    }

    /// Puts others in their place.
    pub fn set(&mut self, token: &mut Token, bytes: &[u8]) {
        if bytes.len() > token.room {
            // Twice as much, so that those that grow from line to line leave no more behind than they take.
            token.room = bytes.len().max(2 * token.room);
            token.at = self.0.len();
            self.0.resize(token.at + token.room, 0);
        }
        token.length = bytes.len();
        self.0[token.at..token.at + token.length].copy_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_key_has_the_bytes_that_came_last(sets in prop::collection::vec((0usize..5, prop::collection::vec(any::<u8>(), 0..40)), 0..60)) {
            let mut tokens = Tokens::default();
            let mut all = [Token::default(); 5];
            let mut expected = vec![Vec::new(); 5];
            for (key, bytes) in sets {
                tokens.set(&mut all[key], &bytes);
                expected[key] = bytes;
                for (token, expected) in all.iter().zip(&expected) {
                    prop_assert_eq!(tokens.of(*token), &expected[..]);
                    prop_assert_eq!(token.len(), expected.len());
                }
            }
            prop_assert!(tokens.0.len() <= 5 * 4 * 40);
        }
    }
}
