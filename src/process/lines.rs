//! Lines, put together from the pieces in which a program's output arrives.

/// A line longer than this is cut: a tool that writes a file without line ends must not fill memory.
const LINE_LIMIT: usize = 64 * 1024;

/// The line that is arriving on one output.
#[derive(Default)]
pub struct LineBuffer(Vec<u8>);

impl LineBuffer {
    /// Takes bytes up to the end of a line. Says how many, and the line if it has ended.
    pub fn take(&mut self, available: &[u8]) -> (usize, Option<String>) {
        let newline = available.iter().position(|&byte| byte == b'\n');
        let taken = newline.unwrap_or(available.len());
        let room = LINE_LIMIT.saturating_sub(self.0.len());
        self.0.extend_from_slice(&available[..taken.min(room)]);
        match newline {
            Some(_) => (taken + 1, Some(decode(&std::mem::take(&mut self.0)))),
            None => (taken, None),
        }
    }

    /// Takes a piece of any length and hands on each line that ends in it.
    pub fn feed(&mut self, mut piece: &[u8], mut on_line: impl FnMut(&str)) {
        while !piece.is_empty() {
            let (taken, line) = self.take(piece);
            piece = &piece[taken..];
            if let Some(line) = line {
                on_line(&line);
            }
        }
    }

    /// What came after the last end of a line.
    pub fn rest(&mut self) -> Option<String> {
        let rest = std::mem::take(&mut self.0);
        (!rest.is_empty()).then(|| decode(&rest))
    }
}

/// Leniently: what a tool writes need not be UTF-8.
fn decode(line: &[u8]) -> String {
    String::from_utf8_lossy(line)
        .trim_end_matches('\r')
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::{LINE_LIMIT, LineBuffer};

    #[test]
    fn lines_are_put_together_from_pieces() {
        let mut buffer = LineBuffer::default();
        let mut lines = Vec::new();
        for piece in ["a", "b\r\nc\n\nd", "e"] {
            buffer.feed(piece.as_bytes(), |line| lines.push(line.to_owned()));
        }
        lines.extend(buffer.rest());
        assert_eq!(lines, ["ab", "c", "", "de"]);
        assert_eq!(buffer.rest(), None);
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let mut buffer = LineBuffer::default();
        for _ in 0..3 {
            buffer.feed(&vec![b'x'; LINE_LIMIT], |_| {});
        }
        assert_eq!(buffer.rest().map(|line| line.len()), Some(LINE_LIMIT));
    }
}
