//! A table in plain text.

/// A column: its head, and whether it holds numbers, which stand to the right.
pub(super) type Column = (&'static str, bool);

/// The rows under the columns' heads, and the total, if there is one, under a line of its own.
pub(super) fn table(columns: &[Column], rows: &[Vec<String>], total: Option<&[String]>) -> String {
    let widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(index, (head, _))| {
            let cells = rows.iter().map(Vec::as_slice).chain(total).filter_map(|row| row.get(index));
            let cells = cells.map(|cell| cell.chars().count());
            cells.chain([head.chars().count()]).max().unwrap_or(0)
        })
        .collect();
    let line = |cells: &[String]| {
        let cells =
            cells.iter().zip(&widths).zip(columns).map(|((cell, width), (_, number))| {
                if *number { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
            });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let rule = widths.iter().map(|width| "─".repeat(*width)).collect::<Vec<_>>().join("──");
    let heads: Vec<String> = columns.iter().map(|(head, _)| (*head).to_owned()).collect();
    let mut lines = vec![line(&heads), rule.clone()];
    lines.extend(rows.iter().map(|row| line(row)));
    if let Some(total) = total {
        lines.extend([rule, line(total)]);
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_to_the_right_and_totals_under_a_line() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let text = table(
            &[("Name", false), ("Pages", true), ("", false)],
            &[row(["Söhne", "7", "✓"]), row(["A", "1,000", "✗"])],
            Some(&row(["Total", "1,007", ""])),
        );
        let rule = "─".repeat(15);
        let expected = format!("Name   Pages\n{rule}\nSöhne      7  ✓\nA      1,000  ✗\n{rule}\nTotal  1,007");
        assert_eq!(text, expected);
        assert_eq!(table(&[("A", true)], &[vec!["1".to_owned()]], None), "A\n─\n1");
    }
}
