//! The directory at the end of an archive.

use super::{Bytes, Member};
use std::io;

const END: u32 = 0x0605_4b50;
const END_SIZE: usize = 22;
/// A comment follows the end, of 64 KiB at the most.
const MAX_COMMENT: usize = 0xffff;
const LOCATOR: u32 = 0x0706_4b50;
const LOCATOR_SIZE: u64 = 20;
const END64: u32 = 0x0606_4b50;
const ENTRY: u32 = 0x0201_4b50;
const ENTRY_SIZE: usize = 46;
const LOCAL: u32 = 0x0403_4b50;
const LOCAL_SIZE: usize = 30;
/// What stands in a field whose value is among the extra ones.
const BEYOND: u64 = 0xffff_ffff;

/// Numbers at offsets, least byte first; an offset beyond the end is an error.
struct Numbers<'b>(&'b [u8]);

impl Numbers<'_> {
    fn bytes<const N: usize>(&self, at: usize) -> io::Result<[u8; N]> {
        let bytes = self.0.get(at..).and_then(<[u8]>::first_chunk);
        bytes.copied().ok_or_else(|| invalid("the directory ends early"))
    }

    fn short(&self, at: usize) -> io::Result<usize> {
        self.bytes(at).map(u16::from_le_bytes).map(usize::from)
    }

    fn int(&self, at: usize) -> io::Result<u32> {
        self.bytes(at).map(u32::from_le_bytes)
    }

    fn long(&self, at: usize) -> io::Result<u64> {
        self.bytes(at).map(u64::from_le_bytes)
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

/// The files of an archive of `len` bytes.
pub(super) fn read(bytes: &Bytes, len: u64) -> io::Result<Vec<Member>> {
    let tail_size = len.min((END_SIZE + MAX_COMMENT) as u64);
    let tail_start = len - tail_size;
    let tail = part(bytes, tail_start, tail_size, len)?;
    let at = (0..=tail.len().saturating_sub(END_SIZE))
        .rev()
        .find(|&at| Numbers(&tail).int(at).is_ok_and(|signature| signature == END))
        .ok_or_else(|| invalid("there is no directory at its end; was the file cut short?"))?;
    let end = Numbers(&tail[at..]);
    let (mut size, mut offset) = (u64::from(end.int(12)?), u64::from(end.int(16)?));
    let mut count = end.short(10)? as u64;
    if size == BEYOND || offset == BEYOND || count == 0xffff {
        (count, size, offset) = read_end64(bytes, tail_start + at as u64, len)?;
    }
    let directory = part(bytes, offset, size, len)?;
    let mut members = Vec::new();
    let mut rest = directory.as_slice();
    while Numbers(rest).int(0).is_ok_and(|signature| signature == ENTRY) {
        let (member, length) = read_entry(rest)?;
        members.push(member);
        rest = rest
            .get(length..)
            .ok_or_else(|| invalid("the directory ends early"))?;
    }
    // Else what is not where the end says would be an archive of nothing.
    if members.len() as u64 != count {
        return Err(invalid("the directory is not where its end says"));
    }
    Ok(members)
}

/// How many files the directory of an archive beyond 4 GiB names, its size and its offset.
fn read_end64(bytes: &Bytes, end: u64, len: u64) -> io::Result<(u64, u64, u64)> {
    let at = end
        .checked_sub(LOCATOR_SIZE)
        .ok_or_else(|| invalid("the ZIP64 end is missing"))?;
    let locator = part(bytes, at, LOCATOR_SIZE, len)?;
    if Numbers(&locator).int(0)? != LOCATOR {
        return Err(invalid("the ZIP64 end is missing"));
    }
    let end64 = part(bytes, Numbers(&locator).long(8)?, 56, len)?;
    let end64 = Numbers(&end64);
    if end64.int(0)? != END64 {
        return Err(invalid("the ZIP64 end is missing"));
    }
    Ok((end64.long(32)?, end64.long(40)?, end64.long(48)?))
}

/// The file at the beginning of `rest`, and how long its entry is.
fn read_entry(rest: &[u8]) -> io::Result<(Member, usize)> {
    let entry = Numbers(rest);
    let (name, extra, comment) = (entry.short(28)?, entry.short(30)?, entry.short(32)?);
    let text = rest.get(ENTRY_SIZE..ENTRY_SIZE + name);
    let text = text.ok_or_else(|| invalid("the directory ends early"))?;
    let mut member = Member {
        name: String::from_utf8_lossy(text).into_owned(),
        method: u16::try_from(entry.short(10)?).unwrap_or(u16::MAX),
        encrypted: entry.short(8)? & 1 != 0,
        crc: entry.int(16)?,
        compressed: u64::from(entry.int(20)?),
        size: u64::from(entry.int(24)?),
        header: u64::from(entry.int(42)?),
    };
    let fields = rest.get(ENTRY_SIZE + name..ENTRY_SIZE + name + extra);
    widen(
        &mut member,
        fields.ok_or_else(|| invalid("the directory ends early"))?,
    )?;
    Ok((member, ENTRY_SIZE + name + extra + comment))
}

/// Takes what does not fit 32 bits from the extra field that holds it.
fn widen(member: &mut Member, mut fields: &[u8]) -> io::Result<()> {
    const ZIP64: usize = 1;
    while fields.len() >= 4 {
        let (id, length) = (Numbers(fields).short(0)?, Numbers(fields).short(2)?);
        let field = fields
            .get(4..4 + length)
            .ok_or_else(|| invalid("the directory ends early"))?;
        if id == ZIP64 {
            let mut at = 0;
            for value in [&mut member.size, &mut member.compressed, &mut member.header] {
                if *value == BEYOND {
                    *value = Numbers(field).long(at)?;
                    at += 8;
                }
            }
        }
        fields = &fields[4 + length..];
    }
    Ok(())
}

/// Where the content of a file begins: behind its local header, which has a length of its own.
pub(super) fn data_start(bytes: &Bytes, member: &Member) -> io::Result<u64> {
    let mut header = [0; LOCAL_SIZE];
    bytes.read_exact_at(&mut header, member.header)?;
    let numbers = Numbers(&header);
    if numbers.int(0)? != LOCAL {
        return Err(invalid("a packed file is not where the directory says"));
    }
    let names = numbers.short(26)? + numbers.short(28)?;
    Ok(member.header.saturating_add((LOCAL_SIZE + names) as u64))
}

fn part(bytes: &Bytes, start: u64, size: u64, len: u64) -> io::Result<Vec<u8>> {
    if start.checked_add(size).is_none_or(|end| end > len) {
        return Err(invalid("the directory is not where the archive says"));
    }
    let mut part = vec![0; size as usize];
    bytes.read_exact_at(&mut part, start)?;
    Ok(part)
}
