//! Comma-separated values (RFC 4180), for spreadsheets and scripts.

/// One line for each row, the head first.
pub fn csv<const N: usize>(head: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut text = head.join(",");
    text.push('\n');
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| cell_of(cell)).collect();
        text.push_str(&cells.join(","));
        text.push('\n');
    }
    text
}

/// Quoted where it must be. What a spreadsheet would take for a formula begins with an
/// apostrophe instead: texts may come from outside.
fn cell_of(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect();
    let text = match text.starts_with(['=', '+', '-', '@']) && text.len() > 1 {
        true => format!("'{text}"),
        false => text,
    };
    match text.contains([',', '"']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_no_formula() {
        let row = ["a,b", "say \"x\"", "=1+1", "two\nlines"].map(str::to_owned);
        let text = csv(["A", "B", "C", "D"], std::iter::once(row));
        assert_eq!(text, "A,B,C,D\n\"a,b\",\"say \"\"x\"\"\",'=1+1,two lines\n");
    }
}
