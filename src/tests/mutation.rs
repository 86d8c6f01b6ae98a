//! How a text becomes another one: by bytes, by words, by pairs of a JSON object.

/// Marsaglia's xorshift: small, and the same everywhere.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Below `end`; 0 where that is 0.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let high = (self.0 >> 11) as usize;
        high.checked_rem(end).unwrap_or(0)
    }

    fn range(&mut self, length: usize, longest: usize) -> std::ops::Range<usize> {
        let begin = self.below(length + 1);
        let end = begin + self.below(longest + 1);
        begin..end.min(length)
    }
}

/// What breaks readers, in whatever they read.
const WORDS: [&str; 36] = [
    "",
    "0",
    "-1",
    "1e999",
    "-0",
    "0.1",
    "18446744073709551616",
    "9223372036854775808",
    "null",
    "true",
    "[]",
    "{}",
    "[[[[[[[[",
    "\"\"",
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "\u{feff}",
    "ſ",
    "\u{212a}",
    "\0",
    "\r\n",
    "\t",
    "\u{202e}",
    "é",
    ",",
    ":",
    "=",
    ";",
    "..",
    "/",
    "%2f",
    "//",
    "@",
    "-",
];

const BYTES: &[u8] = b"\0\t\n\r \"'\\/:;,.=<>[]{}()@#%&+-_?!*~^`|$09aAzZ\x7f\x80\xc3\xff";

/// One text made of `text`, or of it and `other`.
pub fn mutated(dice: &mut Dice, text: &[u8], other: &[u8], words: &[&str]) -> Vec<u8> {
    let mut out = text.to_vec();
    for _ in 0..=dice.below(3) {
        match dice.below(12) {
            0 => replace(&mut out, dice, 1, &|dice| {
                vec![BYTES[dice.below(BYTES.len())]]
            }),
            1 => replace(&mut out, dice, 0, &|dice| {
                vec![BYTES[dice.below(BYTES.len())]]
            }),
            2 => replace(&mut out, dice, 40, &|_| Vec::new()),
            3 => repeat(&mut out, dice),
            4 => replace(&mut out, dice, 4, &|dice| pick(dice, words)),
            5 => change_token(&mut out, dice, &|dice, _| pick(dice, words)),
            6 => change_token(&mut out, dice, &|_, _| Vec::new()),
            7 => change_token(&mut out, dice, &|_, token| other_case(token)),
            8 => change_token(&mut out, dice, &|_, token| [token, token].concat()),
            9 => repeat_pair(&mut out, dice),
            10 => splice(&mut out, dice, other),
            _ => swap_tokens(&mut out, dice),
        }
    }
    out
}

fn pick(dice: &mut Dice, words: &[&str]) -> Vec<u8> {
    let at = dice.below(WORDS.len() + words.len());
    let word = WORDS.get(at).unwrap_or_else(|| &words[at - WORDS.len()]);
    word.as_bytes().to_vec()
}

fn replace(out: &mut Vec<u8>, dice: &mut Dice, longest: usize, by: &dyn Fn(&mut Dice) -> Vec<u8>) {
    let range = dice.range(out.len(), longest);
    let new = by(dice);
    out.splice(range, new);
}

fn repeat(out: &mut Vec<u8>, dice: &mut Dice) {
    let range = dice.range(out.len(), 60);
    let piece = out[range.clone()].repeat(1 + dice.below(8));
    out.splice(range.end..range.end, piece);
}

fn splice(out: &mut Vec<u8>, dice: &mut Dice, other: &[u8]) {
    let piece = &other[dice.range(other.len(), 200)];
    let range = dice.range(out.len(), 200);
    out.splice(range, piece.iter().copied());
}

fn other_case(token: &[u8]) -> Vec<u8> {
    let switch = |byte: &u8| match byte.is_ascii_lowercase() {
        true => byte.to_ascii_uppercase(),
        false => byte.to_ascii_lowercase(),
    };
    token.iter().map(switch).collect()
}

/// Runs of letters, digits and their like; every other byte is one by itself.
fn tokens(text: &[u8]) -> Vec<std::ops::Range<usize>> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80;
    let mut found: Vec<std::ops::Range<usize>> = Vec::new();
    for (at, byte) in text.iter().enumerate() {
        match found.last_mut() {
            Some(last) if word(*byte) && word(text[last.end - 1]) => last.end = at + 1,
            _ => found.push(at..at + 1),
        }
    }
    found
}

fn change_token(out: &mut Vec<u8>, dice: &mut Dice, by: &dyn Fn(&mut Dice, &[u8]) -> Vec<u8>) {
    let found = tokens(out);
    if let Some(token) = found.get(dice.below(found.len())) {
        let new = by(dice, &out[token.clone()]);
        out.splice(token.clone(), new);
    }
}

fn swap_tokens(out: &mut Vec<u8>, dice: &mut Dice) {
    let found = tokens(out);
    if found.len() < 2 {
        return;
    }
    let first = dice.below(found.len() - 1);
    let second = first + 1 + dice.below((found.len() - first - 1).min(20));
    let (first, second) = (found[first].clone(), found[second].clone());
    let between = out[first.end..second.start].to_vec();
    let swapped = [&out[second.clone()], &between, &out[first.clone()]].concat();
    out.splice(first.start..second.end, swapped);
}

/// Writes a pair of a JSON object twice: `"a":1` becomes `"a":1,"a":1`.
fn repeat_pair(out: &mut Vec<u8>, dice: &mut Dice) {
    let colons: Vec<usize> = (0..out.len()).filter(|at| out[*at] == b':').collect();
    let Some(colon) = colons.get(dice.below(colons.len())).copied() else {
        return;
    };
    let quote = |text: &[u8]| text.iter().rposition(|byte| *byte == b'"');
    let key = quote(&out[..colon]).and_then(|end| quote(&out[..end]));
    let (Some(begin), end) = (key, end_of_value(out, colon + 1)) else {
        return;
    };
    let pair = [b",", &out[begin..end]].concat();
    out.splice(end..end, pair);
}

fn end_of_value(text: &[u8], begin: usize) -> usize {
    let (mut depth, mut quoted) = (0_usize, false);
    for (at, byte) in text.iter().enumerate().skip(begin) {
        match byte {
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => depth += 1,
            b',' | b'}' | b']' if !quoted && depth == 0 => return at,
            b'}' | b']' if !quoted => depth -= 1,
            _ => {}
        }
    }
    text.len()
}
