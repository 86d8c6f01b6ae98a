//! Comma-separated values (RFC 4180), for spreadsheets and scripts.

/// What spreadsheets take for the beginning of a formula, those of full width too.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

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
    let text = text.trim();
    let mut cell = String::with_capacity(text.len());
    let mut begins = text.chars().nth(1).is_some();
    for letter in text.chars() {
        if begins && FORMULA.contains(&letter) {
            cell.push('\'');
        }
        cell.push(letter);
        // Where numbers have a comma, spreadsheets cut lines at semicolons.
        begins = letter == ';';
    }
    match cell.contains([',', '"']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell,
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

    #[test]
    fn no_formula_begins_behind_space_a_semicolon_or_in_full_width() {
        for (text, cell) in [
            ("\t=1+1", "'=1+1"),
            ("  @SUM(A1)", "'@SUM(A1)"),
            ("x;=1+1", "x;'=1+1"),
            ("＝1+1", "'＝1+1"),
            ("-", "-"),
            ("a; @angular/core", "a; @angular/core"),
        ] {
            assert_eq!(cell_of(text), cell, "{text:?}");
        }
    }
}
