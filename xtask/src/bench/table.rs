//! The answer of a run: one row for each bar, and remarks that explain them.

use std::fmt;

/// A figure and the highest value it may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bar {
    pub(super) at_most: f64,
    pub(super) unit: &'static str,
}

#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<Row>,
    remarks: Vec<String>,
}

#[derive(Debug)]
struct Row {
    measure: String,
    bar: String,
    measured: String,
    verdict: &'static str,
}

// === impl Table ===

impl Table {
    /// A row whose verdict follows from `value`; `shown` may say more than the value does.
    pub(super) fn judged(
        &mut self,
        measure: impl Into<String>,
        bar: Bar,
        value: f64,
        shown: impl Into<String>,
    ) {
        let verdict = if value <= bar.at_most { "met" } else { "MISSED" };
        self.rows.push(Row {
            measure: measure.into(),
            bar: bar.to_string(),
            measured: shown.into(),
            verdict,
        });
    }

    /// A row without a bar: what the machine itself does.
    pub(super) fn control(&mut self, measure: impl Into<String>, shown: impl Into<String>) {
        let row =
            Row { measure: measure.into(), bar: "–".into(), measured: shown.into(), verdict: "control" };
        self.rows.push(row);
    }

    pub(super) fn remark(&mut self, text: impl Into<String>) {
        self.remarks.push(text.into());
    }
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "≤ {}{}", self.at_most, self.unit)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = vec![["measure", "bar", "measured", "verdict"].map(str::to_owned)];
        lines.extend(self.rows.iter().map(Row::cells));
        let widths =
            [0, 1, 2, 3].map(|column| lines.iter().map(|line| width(&line[column])).max().unwrap_or(0));
        lines.insert(1, widths.map(|width| "-".repeat(width)));
        for line in &lines {
            writeln!(f, "{}", padded(line, widths))?;
        }
        writeln!(f)?;
        self.remarks.iter().try_for_each(|remark| writeln!(f, "- {remark}"))
    }
}

// === impl Row ===

impl Row {
    fn cells(&self) -> [String; 4] {
        [self.measure.clone(), self.bar.clone(), self.measured.clone(), self.verdict.to_owned()]
    }
}

fn padded(cells: &[String; 4], widths: [usize; 4]) -> String {
    let cells = cells.iter().zip(widths).map(|(cell, width)| format!(" {cell:width$} |"));
    format!("|{}", cells.collect::<String>())
}

fn width(cell: &str) -> usize {
    cell.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_met_up_to_its_value() {
        let mut table = Table::default();
        let bar = Bar { at_most: 1.5, unit: "" };
        table.judged("a", bar, 1.5, "1.5");
        table.judged("b", bar, 1.51, "1.51");
        table.control("c", "1");
        table.remark("why");
        let expected = "\
            | measure | bar   | measured | verdict |\n\
            | ------- | ----- | -------- | ------- |\n\
            | a       | ≤ 1.5 | 1.5      | met     |\n\
            | b       | ≤ 1.5 | 1.51     | MISSED  |\n\
            | c       | –     | 1        | control |\n\n- why\n";
        assert_eq!(table.to_string(), expected);
    }

    #[test]
    fn a_figure_that_is_not_a_number_meets_no_bar() {
        let mut table = Table::default();
        table.judged("a", Bar { at_most: 1.0, unit: "" }, f64::NAN, "?");
        assert!(table.to_string().contains("MISSED"));
    }
}
