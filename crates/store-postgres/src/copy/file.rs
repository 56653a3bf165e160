//! The file of a copy: a line that says what it is, a line of JSON with its tables, then each table's rows as `COPY … (FORMAT binary)` gives them.
//!
//! ```text
//!  table = { length: u32 > 0, bytes } … 0: u32, rows: u64     numbers with the highest byte first
//! ```

use std::io::{self, BufRead, Read, Write};

use serde::{Deserialize, Serialize};

use super::{CopyError, is_plain};

const FORM: &str = "amtsbote tables 1\n";
/// The header names some twenty tables.
const HEADER_MAX_BYTES: u64 = 1024 * 1024;
/// Read at a time.
const PIECE_MAX_BYTES: u32 = 256 * 1024;

/// What a copy is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Header {
    pub(super) schema: String,
    pub(super) version: i32,
    /// In an order in which they can be filled.
    pub(super) tables: Vec<Shape>,
    pub(super) numbers: Vec<Numbers>,
}

/// A table and its columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Shape {
    pub(super) name: String,
    pub(super) columns: Vec<String>,
}

/// How far a column is numbered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Numbers {
    pub(super) table: String,
    pub(super) column: String,
    /// The last number given; 0: none.
    pub(super) last: i64,
}

impl Header {
    fn is_plain(&self) -> bool {
        let columns = self.tables.iter().flat_map(|table| &table.columns);
        let tables = self.tables.iter().map(|table| &table.name);
        let numbers = self.numbers.iter().flat_map(|of| [&of.table, &of.column]);
        columns
            .chain(tables)
            .chain(numbers)
            .all(|name| is_plain(name))
            && self.tables.iter().all(|table| !table.columns.is_empty())
    }
}

/// Writes a copy.
pub(super) struct Writer<W>(W);

impl<W: Write> Writer<W> {
    pub(super) fn begin(mut to: W, header: &Header) -> io::Result<Self> {
        to.write_all(FORM.as_bytes())?;
        serde_json::to_writer(&mut to, header)?;
        to.write_all(b"\n")?;
        Ok(Self(to))
    }

    /// More of the present table's rows.
    pub(super) fn piece(&mut self, bytes: &[u8]) -> io::Result<()> {
        for piece in bytes.chunks(PIECE_MAX_BYTES as usize) {
            let length = u32::try_from(piece.len()).unwrap_or(PIECE_MAX_BYTES);
            self.0.write_all(&length.to_be_bytes())?;
            self.0.write_all(piece)?;
        }
        Ok(())
    }

    /// The present table has ended.
    pub(super) fn end_table(&mut self, rows: u64) -> io::Result<()> {
        self.0.write_all(&0_u32.to_be_bytes())?;
        self.0.write_all(&rows.to_be_bytes())
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Reads a copy.
#[derive(Debug)]
pub(super) struct Reader<R>(R);

impl<R: BufRead> Reader<R> {
    pub(super) fn begin(mut from: R) -> Result<(Header, Self), CopyError> {
        let mut form = [0; FORM.len()];
        from.read_exact(&mut form).map_err(broken)?;
        if form != *FORM.as_bytes() {
            return Err(CopyError::Damaged("it is no copy of tables"));
        }
        let mut line = Vec::new();
        let mut limited = (&mut from).take(HEADER_MAX_BYTES);
        limited.read_until(b'\n', &mut line)?;
        let header: Header = serde_json::from_slice(&line)
            .map_err(|_| CopyError::Damaged("it does not say what it holds"))?;
        if !header.is_plain() {
            return Err(CopyError::Damaged("it names what is none of our tables"));
        }
        Ok((header, Self(from)))
    }

    /// The next bytes of the present table; `None` at its end, where [`Self::rows`] follows.
    pub(super) fn piece(&mut self) -> Result<Option<Vec<u8>>, CopyError> {
        let mut length = [0; 4];
        self.0.read_exact(&mut length).map_err(broken)?;
        let length = u32::from_be_bytes(length);
        if length == 0 {
            return Ok(None);
        }
        if length > PIECE_MAX_BYTES {
            return Err(CopyError::Damaged("a length in it is too large"));
        }
        let mut bytes = vec![0; length as usize];
        self.0.read_exact(&mut bytes).map_err(broken)?;
        Ok(Some(bytes))
    }

    /// Rows of the table that has ended.
    pub(super) fn rows(&mut self) -> Result<u64, CopyError> {
        let mut rows = [0; 8];
        self.0.read_exact(&mut rows).map_err(broken)?;
        Ok(u64::from_be_bytes(rows))
    }

    pub(super) fn finish(mut self) -> Result<(), CopyError> {
        if self.0.fill_buf()?.is_empty() {
            return Ok(());
        }
        Err(CopyError::Damaged("something follows its end"))
    }
}

fn broken(error: io::Error) -> CopyError {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return CopyError::Damaged("it ends too early");
    }
    CopyError::File(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            schema: "amtsbote_agent".into(),
            version: 3,
            tables: vec![Shape {
                name: "paces".into(),
                columns: vec!["service".into()],
            }],
            numbers: vec![],
        }
    }

    fn written(bytes: &[u8]) -> Vec<u8> {
        let mut file = Vec::new();
        let mut writer = Writer::begin(&mut file, &header()).unwrap();
        writer.piece(bytes).unwrap();
        writer.end_table(7).unwrap();
        writer.finish().unwrap();
        file
    }

    fn read(file: &[u8]) -> Result<(Vec<u8>, u64), CopyError> {
        let (found, mut reader) = Reader::begin(file)?;
        assert_eq!(found, header());
        let mut bytes = Vec::new();
        while let Some(piece) = reader.piece()? {
            bytes.extend(piece);
        }
        let rows = reader.rows()?;
        reader.finish()?;
        Ok((bytes, rows))
    }

    #[test]
    fn what_was_written_is_read_also_what_is_longer_than_a_piece() {
        for length in [0, 1, PIECE_MAX_BYTES as usize, 700_001] {
            let bytes: Vec<u8> = (0_u8..=255).cycle().take(length).collect();
            assert_eq!(read(&written(&bytes)).unwrap(), (bytes, 7));
        }
    }

    #[test]
    fn a_copy_that_ends_early_or_late_is_none() {
        let whole = written(b"rows");
        for length in 0..whole.len() {
            assert!(
                matches!(read(&whole[..length]), Err(CopyError::Damaged(_))),
                "{length}"
            );
        }
        let longer = [&whole[..], b"x"].concat();
        assert!(matches!(read(&longer), Err(CopyError::Damaged(_))));
    }

    #[test]
    fn names_that_are_no_names_of_tables_are_refused() {
        let text = String::from_utf8(written(b"")).unwrap();
        let other = text.replace("\"paces\"", "\"paces; DROP\"");
        assert!(matches!(read(other.as_bytes()), Err(CopyError::Damaged(_))));
    }
}
