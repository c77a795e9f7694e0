//! Tables in Markdown.

/// Rows of cells below a head.
pub(super) struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// The text of a cell.
pub(super) struct Cell(String);

impl Cell {
    pub(super) fn text(text: &str) -> Cell {
        Cell(text.to_owned())
    }

    /// Three significant digits.
    pub(super) fn figure(value: f64) -> Cell {
        Cell(figure(value))
    }

    /// With a remark behind it.
    pub(super) fn marked(self, remark: &str) -> Cell {
        Cell(self.0 + remark)
    }
}

/// Three significant digits.
pub(super) fn figure(value: f64) -> String {
    let digits = if value > 0.0 { (2 - value.log10().floor() as i32).clamp(0, 6) as usize } else { 1 };
    format!("{value:.digits$}")
}

impl Table {
    pub(super) fn new(head: &[&str]) -> Table {
        Table { head: head.iter().map(|cell| (*cell).to_owned()).collect(), rows: Vec::new() }
    }

    pub(super) fn push<const N: usize>(&mut self, cells: [Cell; N]) {
        assert_eq!(N, self.head.len(), "a cell for each column");
        self.rows.push(cells.into_iter().map(|cell| cell.0).collect());
    }

    pub(super) fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let rule = format!("|{}\n", " --- |".repeat(self.head.len()));
        let rows: String = self.rows.iter().map(|row| line(row)).collect();
        line(&self.head) + &rule + &rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_head_a_rule_and_rows() {
        let mut table = Table::new(&["case", "ms"]);
        table.push([Cell::text("sum"), Cell::figure(12.345)]);
        table.push([Cell::text("add"), Cell::figure(0.000_123_4)]);
        assert_eq!(table.markdown(), "| case | ms |\n| --- | --- |\n| sum | 12.3 |\n| add | 0.000123 |\n");
    }
}
