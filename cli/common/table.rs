//! Tables and fields as text for a terminal, free of control characters.

use selvedge::values::Time;
use serde_json::Value;

use super::moment::when;
use super::terminal::Look;
use super::web::clean;

/// Longest cell but for the last column, in characters.
const MAX_CELL_WIDTH: usize = 60;
/// Least width to which a column is cut for a narrow terminal.
const MIN_CELL_WIDTH: usize = 8;
/// Heads of columns with a state, which has a colour.
const STATES: [&str; 6] = ["STATUS", "STATE", "OUTCOME", "DELIVERY", "SEVERITY", "ROLE"];

/// Rows below a head, with aligned columns.
#[derive(Debug)]
pub struct Table(Vec<Vec<String>>);

impl Table {
    /// A table with these columns.
    pub fn new(head: &[&str]) -> Self {
        Self(vec![head.iter().map(|name| (*name).to_owned()).collect()])
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.0.push(cells.into_iter().collect());
    }

    /// The table as text, as wide as the terminal; `none` when it has no rows.
    pub fn text(&self, none: &str) -> String {
        self.laid_out(none, Look::of_stdout())
    }

    fn laid_out(&self, none: &str, look: Look) -> String {
        if self.0.len() == 1 {
            return format!("{none}\n");
        }
        aligned(&self.0, "", look)
    }
}

/// Fields with their values, one per line.
pub fn facts(rows: &[(&str, String)]) -> String {
    let rows: Vec<_> = rows.iter().map(|(name, value)| vec![(*name).to_owned(), value.clone()]).collect();
    aligned(&rows, "  ", Look::default())
}

/// Cuts a text to a width, with an ellipsis.
fn short(cell: &str, width: usize) -> String {
    match cell.chars().count() > width {
        true => format!("{}…", cell.chars().take(width.saturating_sub(1)).collect::<String>()),
        false => cell.to_owned(),
    }
}

/// The widths of columns. On a terminal the widest are cut until a line fits.
fn widths(rows: &[Vec<String>], look: Look) -> Vec<usize> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let last = columns.saturating_sub(1);
    let most = |at: usize| if at == last { usize::MAX } else { MAX_CELL_WIDTH };
    let width = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0).min(most(at))
    };
    let mut widths: Vec<usize> = (0..columns).map(width).collect();
    let Some(room) = look.width.map(|width| width.saturating_sub(2 * last)) else { return widths };
    loop {
        let over = widths.iter().fold(0, |sum: usize, width| sum.saturating_add(*width)).saturating_sub(room);
        let Some(widest) = widths.iter_mut().max().filter(|widest| over > 0 && **widest > MIN_CELL_WIDTH) else {
            return widths;
        };
        // In steps, so that columns of equal width shrink together.
        *widest = widest.saturating_sub(over.min(widest.saturating_sub(MIN_CELL_WIDTH)).clamp(1, 4));
    }
}

fn aligned(rows: &[Vec<String>], indent: &str, look: Look) -> String {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| clean(cell)).collect()).collect();
    let widths = widths(&rows, look);
    let states: Vec<bool> = rows.first().into_iter().flatten().map(|head| STATES.contains(&head.as_str())).collect();
    let mut out = String::new();
    for (line_number, row) in rows.iter().enumerate() {
        let mut line = indent.to_owned();
        for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let cell = short(cell, *width);
            let padded = if at + 1 == row.len() { cell } else { format!("{cell:width$}") };
            line.push_str(&match (line_number, states.get(at)) {
                (0, _) => look.head(&padded),
                (_, Some(true)) => look.state(&padded),
                _ => padded,
            });
            line.push_str(if at + 1 == row.len() { "" } else { "  " });
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// The text of a member, by its JSON pointer; `-` when absent.
pub fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => clean(text),
        Some(Value::Bool(true)) => "yes".to_owned(),
        Some(Value::Bool(false)) => "no".to_owned(),
        Some(other) => clean(&other.to_string()),
    }
}

/// The first names of a certificate and the count of the rest.
///
/// Internationalized names are shown in both forms, since letters of several scripts look the same.
pub fn names(certificate: &Value, most: usize) -> String {
    let all = |member: &str| certificate.get(member).and_then(Value::as_array).cloned().unwrap_or_default();
    let unicode = all("unicode_names");
    let both = |(at, name): (usize, &Value)| match unicode.get(at) {
        Some(read) if read != name => format!("{} ({})", text(read, ""), text(name, "")),
        Some(_) | None => text(name, ""),
    };
    let names: Vec<Value> = all("names").iter().enumerate().map(both).map(Value::from).collect();
    some(&Value::from(names), "", most)
}

/// An RFC 3339 time, safe to print within a command; `None` for any other text.
pub fn plain_time(text: &str) -> Option<String> {
    Time::parse_rfc3339(text).map(Time::rfc3339)
}

/// The first texts of a list and the count of the rest.
pub fn some(value: &Value, pointer: &str, most: usize) -> String {
    let all = value.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let shown: Vec<String> = all.iter().take(most).map(|one| text(one, "")).collect();
    match all.len().saturating_sub(most) {
        0 if all.is_empty() => "-".to_owned(),
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// A time as its day and its distance: `2027-01-31, in 66 days`.
pub fn day(value: &Value, pointer: &str, now: Time) -> String {
    let text = text(value, pointer);
    Time::parse_rfc3339(&text).map_or(text, |at| when(at, now))
}

/// A time to the minute: `2027-01-31 09:30`, in UTC.
pub fn minute(value: &Value, pointer: &str) -> String {
    let text = text(value, pointer);
    match Time::parse_rfc3339(&text) {
        Some(at) => at.rfc3339().chars().take(16).map(|c| if c == 'T' { ' ' } else { c }).collect(),
        None => text,
    }
}

/// The time and actor of an operation: `2027-01-31 09:30 by ada`.
pub fn attribution(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        Some(act) if act.is_object() => format!("{} by {}", minute(act, "/at"), text(act, "/by")),
        _ => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_the_last_as_long_as_it_likes() {
        let mut table = Table::new(&["KID", "NOTE"]);
        assert_eq!(table.text("no keys"), "no keys\n");
        table.row(["a".into(), "x".repeat(70)]);
        table.row(["über-1".into(), String::new()]);
        table.row(["y".repeat(61), "\u{1b}[2J".into()]);
        let (text, wide) = (table.text("no keys"), "y".repeat(59));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1], format!("a{}{}", " ".repeat(61), "x".repeat(70)));
        assert_eq!((lines[2], lines[3]), ("über-1", format!("{wide}…   [2J").as_str()));
        assert_eq!(facts(&[("a", "1".into()), ("long", "2".into())]), "  a     1\n  long  2\n");
    }

    #[test]
    fn table_fits_the_terminal_by_cutting_its_widest_columns() {
        let mut table = Table::new(&["NAMES", "SERIAL", "STATUS"]);
        table.row(["www.example.org, mail.example.org".into(), "0a".repeat(16), "valid".into()]);
        table.row(["a.test".into(), "0b".into(), "revoked".into()]);
        let at = |width| table.laid_out("", Look { width: Some(width), colours: false });
        for width in [40, 50, 60, 80] {
            assert!(at(width).lines().all(|line| line.chars().count() <= width), "{}", at(width));
        }
        assert!(at(50).contains("…") && at(50).contains("revoked") && at(50).contains("0b"), "{}", at(50));
        assert_eq!(at(200), table.laid_out("", Look::default()), "nothing is cut where it fits");
        // Narrower than that, lines are as short as possible.
        assert!(at(5).lines().all(|line| line.chars().count() <= 8 * 3 + 4), "{}", at(5));
    }

    #[test]
    fn colours_are_of_heads_and_states_and_never_of_foreign_text() {
        let mut table = Table::new(&["NAME", "STATUS"]);
        table.row(["\u{1b}[31mrevoked".into(), "valid, renewed".into()]);
        table.row(["valid".into(), "revoked".into()]);
        let text = table.laid_out("", Look { width: None, colours: true });
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "\u{1b}[1mNAME        \u{1b}[0m  \u{1b}[1mSTATUS\u{1b}[0m");
        assert_eq!(lines[1], " [31mrevoked  \u{1b}[32mvalid, renewed\u{1b}[0m");
        assert_eq!(lines[2], "valid         \u{1b}[31mrevoked\u{1b}[0m");
        assert!(!table.text("").contains('\u{1b}'), "not in a file");
    }

    #[test]
    fn names_are_shown_in_both_forms() {
        let value = json!({"names": ["a.test", "xn--bcher-kva.test", "c.test"],
                           "unicode_names": ["a.test", "bücher.test", "c\u{7}.test"]});
        assert_eq!(names(&value, 2), "a.test, bücher.test (xn--bcher-kva.test) and 1 more");
        assert_eq!(names(&value, 3), "a.test, bücher.test (xn--bcher-kva.test), c .test (c.test)");
        assert_eq!((names(&json!({"names": ["a"]}), 3), names(&json!({}), 3)), ("a".to_owned(), "-".to_owned()));
    }

    #[test]
    fn members_are_shown_short_and_without_control_characters() {
        let now = Time::parse_rfc3339("2026-11-24T12:00:00Z").unwrap();
        let value = json!({"at": "2026-12-06T09:30:00Z", "who": {"at": "2026-11-24T00:00:00Z", "by": "a\u{9b}b"},
                           "n": 3, "yes": true, "names": ["a", "b\u{7}", "c"], "none": null, "odd": "soon"});
        assert_eq!(day(&value, "/at", now), "2026-12-06, in 12 days");
        assert_eq!(minute(&value, "/at"), "2026-12-06 09:30");
        assert_eq!((minute(&value, "/odd"), day(&value, "/odd", now)), ("soon".to_owned(), "soon".to_owned()));
        assert_eq!(attribution(&value, "/who"), "2026-11-24 00:00 by a b");
        assert_eq!([text(&value, "/n"), text(&value, "/yes"), text(&value, "/none")], ["3", "yes", "-"]);
        assert_eq!([some(&value, "/names", 2), some(&value, "/names", 3)], ["a, b  and 1 more", "a, b , c"]);
        assert_eq!([some(&value, "/none", 2), attribution(&value, "/none")], ["-", "-"]);
    }
}
