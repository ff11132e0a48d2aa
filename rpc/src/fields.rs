//! Tables as `/etc` has them: a line for each entry, fields between blanks, `#` before a comment.

use nom::bytes::complete::{tag, take_till1};
use nom::character::complete::{multispace0, not_line_ending};
use nom::combinator::{all_consuming, opt};
use nom::multi::many0;
use nom::sequence::{preceded, terminated};
use nom::{IResult, Parser};

/// The fields of each line that has any, with the line's number from 1.
pub fn lines(table: &str) -> impl Iterator<Item = (usize, Vec<&str>)> {
    let numbered = table.lines().zip(1..);
    numbered.filter_map(|(text, number)| {
        let (_, fields) = line(text).ok()?;
        (!fields.is_empty()).then_some((number, fields))
    })
}

/// Any line is one; what is left of it without comment and blanks are its fields.
fn line(text: &str) -> IResult<&str, Vec<&str>> {
    let field = take_till1(|c: char| c.is_ascii_whitespace() || c == '#');
    let comment = preceded(tag("#"), not_line_ending);
    let fields = many0(preceded(multispace0, field));
    all_consuming(terminated(fields, (multispace0, opt(comment)))).parse(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_and_comments_are_left_out() {
        let table = "# one\n\n udp  tpi_clts\tv # two\ntcp\n   \n  # three\r\nlast#word\r\n";
        let found: Vec<_> = lines(table).collect();
        let expected = [
            (3, vec!["udp", "tpi_clts", "v"]),
            (4, vec!["tcp"]),
            (7, vec!["last"]),
        ];
        assert_eq!(found, expected);
        assert_eq!(lines("").count(), 0);
    }
}
