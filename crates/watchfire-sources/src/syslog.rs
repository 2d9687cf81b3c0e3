//! How a line of syslog begins. One of these:
//!
//! ```text
//! Oct 11 09:10:48 host …                  RFC 3164; the day may be one digit, the year may stand behind it
//! 2019-06-14T10:40:20.912134 host proc: … with an RFC 3339 stamp, as rsyslog and syslog-ng write it
//! <30>1 2023-09-28T12:10:12+02:00 host …  RFC 5424
//! <30>Oct 11 09:10:48 host …              either of the first two with a priority
//! ```

const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// When a line was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stamp<'t> {
    /// It does not say.
    None,
    /// Month (from 1), day, the year if it is there, and the time of day.
    Named { month: i8, day: i8, year: Option<i16>, time: &'t [u8] },
    /// RFC 3339, or the same without a zone.
    Iso(&'t [u8]),
}

/// The beginning of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head<'t> {
    pub(crate) priority: Option<u16>,
    /// Of lines in the form of RFC 5424.
    pub(crate) version: Option<&'t [u8]>,
    pub(crate) stamp: Stamp<'t>,
    /// What is behind: the host and so on.
    pub(crate) rest: &'t [u8],
}

impl<'t> Head<'t> {
    pub(crate) fn of(line: &'t [u8]) -> Option<Self> {
        let (priority, text) = match line.strip_prefix(b"<") {
            Some(rest) => {
                let (number, rest) = rest.split_at(digits(rest, 1, 3)?);
                (Some(number_of(number)), rest.strip_prefix(b">")?)
            }
            None => (None, line),
        };
        if priority.is_some()
            && let Some(length) = digits(text, 1, 2)
            && let Some(rest) = text[length..].strip_prefix(b" ")
        {
            let (stamp, rest) = match rest.strip_prefix(b"-") {
                Some(rest) => (Stamp::None, rest),
                None => iso_stamp(rest)?,
            };
            let rest = rest.strip_prefix(b" ")?;
            return Some(Self { priority, version: Some(&text[..length]), stamp, rest });
        }
        if let Some((stamp, rest)) = named_stamp(text) {
            return Some(Self { priority, version: None, stamp, rest });
        }
        // Any program may begin its lines with such a stamp; only syslog goes on with a host and what is written by
        // whom.
        let (stamp, rest) = iso_stamp(text)?;
        let rest = rest.strip_prefix(b" ")?;
        let mut words = rest.split(|&byte| byte == b' ');
        let (host, writer) = (words.next()?, words.next()?);
        let is_syslog = !host.is_empty() && writer.len() > 1 && writer.ends_with(b":");
        is_syslog.then_some(Self { priority, version: None, stamp, rest })
    }

    /// The message of a line in the form of RFC 5424.
    pub(crate) fn behind_structured_data(&self) -> Option<&'t [u8]> {
        let data = behind_words(self.rest, 4)?;
        let message = match data.first() {
            Some(b'[') => &data[memchr::memmem::find(data, b"] ")? + 2..],
            _ if data == b"-" => b"",
            _ => data.strip_prefix(b"-")?.strip_prefix(b" ")?,
        };
        Some(message.strip_prefix(b"\xef\xbb\xbf").unwrap_or(message))
    }
}

/// What is behind so many words with a blank behind each.
pub(crate) fn behind_words(mut text: &[u8], words: usize) -> Option<&[u8]> {
    for _ in 0..words {
        text = &text[memchr::memchr(b' ', text)? + 1..];
    }
    Some(text)
}

/// `Oct  1 09:10:48 `, or with a year before the time.
fn named_stamp(text: &[u8]) -> Option<(Stamp<'_>, &[u8])> {
    let (name, rest) = text.split_first_chunk::<3>()?;
    let month = MONTHS.iter().zip(1..).find(|(month, _)| **month == name)?.1;
    let rest = rest.strip_prefix(b" ")?;
    let rest = rest.strip_prefix(b" ").unwrap_or(rest);
    let (day, rest) = rest.split_at(digits(rest, 1, 2)?);
    let rest = rest.strip_prefix(b" ")?;
    let (year, rest) = match digits(rest, 4, 4) {
        Some(length) => (Some(number_of(&rest[..length]) as i16), rest[length..].strip_prefix(b" ")?),
        None => (None, rest),
    };
    let behind = behind_time(rest)?;
    let time = &rest[..rest.len() - behind.len()];
    Some((Stamp::Named { month, day: number_of(day) as i8, year, time }, behind.strip_prefix(b" ")?))
}

/// `2019-06-14T10:40:20.912134+02:00`
fn iso_stamp(text: &[u8]) -> Option<(Stamp<'_>, &[u8])> {
    let rest = text[digits(text, 4, 4)?..].strip_prefix(b"-")?;
    let rest = rest[digits(rest, 2, 2)?..].strip_prefix(b"-")?;
    let rest = rest[digits(rest, 2, 2)?..].strip_prefix(b"T")?;
    let rest = behind_zone(behind_time(rest)?)?;
    Some((Stamp::Iso(&text[..text.len() - rest.len()]), rest))
}

/// `Z`, `+02:00`, `+0200`, or nothing.
fn behind_zone(text: &[u8]) -> Option<&[u8]> {
    if let Some(rest) = text.strip_prefix(b"Z") {
        return Some(rest);
    }
    let Some(zone) = text.strip_prefix(b"+").or_else(|| text.strip_prefix(b"-")) else {
        return Some(text);
    };
    let minutes = &zone[digits(zone, 2, 4)?..];
    match minutes.strip_prefix(b":") {
        Some(minutes) => Some(&minutes[digits(minutes, 2, 2)?..]),
        None => Some(minutes),
    }
}

/// `10:40:20`, with a fraction or not.
fn behind_time(text: &[u8]) -> Option<&[u8]> {
    let rest = text[digits(text, 2, 2)?..].strip_prefix(b":")?;
    let rest = rest[digits(rest, 2, 2)?..].strip_prefix(b":")?;
    let rest = &rest[digits(rest, 2, 2)?..];
    match rest.strip_prefix(b".") {
        Some(fraction) => Some(&fraction[digits(fraction, 1, 9)?..]),
        None => Some(rest),
    }
}

/// The number of digits that a text begins with, if it is one of these.
fn digits(text: &[u8], least: usize, most: usize) -> Option<usize> {
    let digits = text.iter().take(most + 1).take_while(|byte| byte.is_ascii_digit()).count();
    (least..=most).contains(&digits).then_some(digits)
}

/// The number of at most four digits.
fn number_of(digits: &[u8]) -> u16 {
    digits.iter().fold(0, |number, digit| number * 10 + u16::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_told_from_other_lines_with_stamps() {
        for line in [
            "Oct 11 09:10:48 web-1 sshd[7]: hello",
            "Oct  1 09:10:48 web-1 last message repeated 2 times",
            "Oct 1 09:10:48.125 web-1 kernel: x",
            "Oct 11 2031 09:10:48 web-1 app: x",
            "<30>Oct 11 09:10:48 web-1 app: x",
            "<165>1 2031-10-11T22:14:15.003Z web-1 app - ID47 - x",
            "<0>1 - - - - - -",
            "2031-10-11T22:14:15 web-1 app[3]: x",
            "2031-10-11T22:14:15.003+0200 web-1 app: x",
            "<14>2031-10-11T22:14:15-05:00 web-1 app: x",
        ] {
            assert!(Head::of(line.as_bytes()).is_some(), "{line}");
        }
        for line in [
            "October 11 09:10:48 web-1 app: x",
            "Oct 111 09:10:48 web-1 app: x",
            "Oct 11 9:10 web-1 app: x",
            "2031-10-11T22:14:15 INFO started",
            "2031-10-11T22:14:15 web-1 app",
            "2031-10-11 22:14:15 web-1 app: x",
            "<Event>",
            "<1234>1 - - - - - -",
            "<30>",
            "",
        ] {
            assert!(Head::of(line.as_bytes()).is_none(), "{line}");
        }
    }

    #[test]
    fn stamps_are_read() {
        let head = Head::of(b"<165>Oct  1 2031 09:10:48.5 web-1 app: x").expect("a head");
        assert_eq!((head.priority, head.version, head.rest), (Some(165), None, &b"web-1 app: x"[..]));
        assert_eq!(head.stamp, Stamp::Named { month: 10, day: 1, year: Some(2031), time: b"09:10:48.5" });
        let head =
            Head::of(b"<0>1 2031-10-11T22:14:15Z web-1 app 3 - [a b=\"c\"] \xef\xbb\xbfhi").expect("a head");
        assert_eq!((head.priority, head.version), (Some(0), Some(&b"1"[..])));
        assert_eq!(head.stamp, Stamp::Iso(b"2031-10-11T22:14:15Z"));
        assert_eq!(head.behind_structured_data(), Some(&b"hi"[..]));
    }
}
