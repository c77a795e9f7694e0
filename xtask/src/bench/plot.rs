//! A picture of the measurements: iterations per second over the size of the problem, both axes logarithmic, one panel per program.
//!
//! As in the talk, higher is better. The dashed line is what the memory bandwidth would allow a program that moves each byte once.

use super::measure::{Measurement, Runs};
use std::fmt::Write;

const PANEL_WIDTH: f64 = 320.0;
const PANEL_HEIGHT: f64 = 260.0;
const MARGIN_LEFT: f64 = 62.0;
const MARGIN_RIGHT: f64 = 14.0;
const MARGIN_TOP: f64 = 34.0;
const MARGIN_BOTTOM: f64 = 46.0;
const PANELS_PER_ROW: usize = 3;

const SERIES: [(&str, &str); 2] = [("numpy", "#c0504d"), ("legate.numpy", "#1f6fb4")];

/// An SVG document. `bandwidth` is in GB/s.
pub(super) fn plot(measurements: &[Measurement], bandwidth: f64) -> String {
    let mut names: Vec<&str> = measurements.iter().map(|measurement| measurement.program).collect();
    names.dedup();
    let columns = names.len().clamp(1, PANELS_PER_ROW) as f64;
    let rows = names.len().div_ceil(PANELS_PER_ROW).max(1) as f64;
    let mut svg = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{}" height="{}" font-family="sans-serif" font-size="11">"#,
        columns * PANEL_WIDTH,
        rows * PANEL_HEIGHT
    );
    svg.push_str("<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n");
    for (index, name) in names.iter().enumerate() {
        let (x, y) = ((index % PANELS_PER_ROW) as f64 * PANEL_WIDTH, (index / PANELS_PER_ROW) as f64 * PANEL_HEIGHT);
        let _ = writeln!(svg, r#"<g transform="translate({x},{y})">"#);
        let points: Vec<&Measurement> =
            measurements.iter().filter(|measurement| measurement.program == *name).collect();
        panel(&mut svg, name, &points, bandwidth);
        svg.push_str("</g>\n");
    }
    svg.push_str("</svg>\n");
    svg
}

fn panel(svg: &mut String, name: &str, points: &[&Measurement], bandwidth: f64) {
    let lines = [curve(points, |point| &point.numpy), curve(points, |point| &point.legate)];
    let limit = limit_of_bandwidth(points, bandwidth);
    let all = lines
        .iter()
        .flatten()
        .map(|point| point.rate)
        .chain(lines.iter().flatten().flat_map(|point| [point.low, point.high]));
    let x_axis = Axis::around(points.iter().map(|point| point.size as f64), MARGIN_LEFT, PANEL_WIDTH - MARGIN_RIGHT);
    let y_axis = Axis::around(all.chain(limit.iter().map(|(_, rate)| *rate)), PANEL_HEIGHT - MARGIN_BOTTOM, MARGIN_TOP);
    frame(svg, name, &x_axis, &y_axis);
    path(
        svg,
        limit.iter().map(|(size, rate)| (x_axis.place(*size), y_axis.place(*rate))),
        "#888888",
        " stroke-dasharray=\"4 3\"",
    );
    for ((label, color), line) in SERIES.iter().zip(&lines) {
        path(svg, line.iter().map(|point| (x_axis.place(point.size), y_axis.place(point.rate))), color, "");
        for point in line {
            let (x, y) = (x_axis.place(point.size), y_axis.place(point.rate));
            let (low, high) = (y_axis.place(point.low), y_axis.place(point.high));
            let _ = writeln!(svg, r#"<line x1="{x:.1}" y1="{low:.1}" x2="{x:.1}" y2="{high:.1}" stroke="{color}"/>"#);
            let _ = writeln!(
                svg,
                r#"<circle cx="{x:.1}" cy="{y:.1}" r="3" fill="{color}"><title>{label} {:.4} iterations/s</title></circle>"#,
                point.rate
            );
        }
    }
    legend(svg);
}

struct Point {
    size: f64,
    rate: f64,
    low: f64,
    high: f64,
}

/// Iterations per second of one module.
fn curve(points: &[&Measurement], runs: impl Fn(&Measurement) -> &Runs) -> Vec<Point> {
    let point = |measurement: &&Measurement| {
        let ms = runs(measurement).ms_per_iteration();
        Point { size: measurement.size as f64, rate: 1e3 / ms.median, low: 1e3 / ms.high, high: 1e3 / ms.low }
    };
    points.iter().map(point).collect()
}

/// Iterations per second if the traffic that a program needs went at the machine's bandwidth.
fn limit_of_bandwidth(points: &[&Measurement], bandwidth: f64) -> Vec<(f64, f64)> {
    let rate = |measurement: &&Measurement| {
        let seconds = measurement.legate.ms_per_iteration().median * 1e-3;
        let gigabytes = measurement.legate.gigabytes_per_second() * seconds;
        (measurement.size as f64, bandwidth / gigabytes)
    };
    points.iter().map(rate).collect()
}

/// A logarithmic axis: decades in the data, places on the page.
struct Axis {
    low: f64,
    high: f64,
    start: f64,
    end: f64,
}

impl Axis {
    /// An axis with a little room around the values.
    fn around(values: impl Iterator<Item = f64>, start: f64, end: f64) -> Axis {
        let logs: Vec<f64> = values.filter(|value| *value > 0.0 && value.is_finite()).map(f64::log10).collect();
        let low = logs.iter().copied().fold(f64::INFINITY, f64::min);
        let high = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if low > high {
            return Axis { low: 0.0, high: 1.0, start, end };
        }
        let room = (0.06 * (high - low)).max(0.15);
        Axis { low: low - room, high: high + room, start, end }
    }

    fn place(&self, value: f64) -> f64 {
        self.start + (value.log10() - self.low) / (self.high - self.low) * (self.end - self.start)
    }

    /// Powers of ten inside, or 1, 2, 5 times them if there is only one.
    fn ticks(&self) -> Vec<f64> {
        let inside = |factors: &[f64]| {
            let decades = self.low.floor() as i32..=self.high.ceil() as i32;
            let all = decades.flat_map(|decade| factors.iter().map(move |factor| factor * 10f64.powi(decade)));
            all.filter(|tick| (self.low..=self.high).contains(&tick.log10())).collect::<Vec<_>>()
        };
        let powers = inside(&[1.0]);
        if powers.len() > 1 { powers } else { inside(&[1.0, 2.0, 5.0]) }
    }
}

fn frame(svg: &mut String, name: &str, x_axis: &Axis, y_axis: &Axis) {
    let (left, right, top, bottom) =
        (MARGIN_LEFT, PANEL_WIDTH - MARGIN_RIGHT, MARGIN_TOP, PANEL_HEIGHT - MARGIN_BOTTOM);
    let _ = writeln!(svg, r#"<text x="{left}" y="{:.1}" font-size="13" font-weight="bold">{name}</text>"#, top - 12.0);
    for tick in x_axis.ticks() {
        let x = x_axis.place(tick);
        let _ = writeln!(svg, r##"<line x1="{x:.1}" y1="{top}" x2="{x:.1}" y2="{bottom}" stroke="#e0e0e0"/>"##);
        let _ =
            writeln!(svg, r#"<text x="{x:.1}" y="{:.1}" text-anchor="middle">{}</text>"#, bottom + 14.0, short(tick));
    }
    for tick in y_axis.ticks() {
        let y = y_axis.place(tick);
        let _ = writeln!(svg, r##"<line x1="{left}" y1="{y:.1}" x2="{right}" y2="{y:.1}" stroke="#e0e0e0"/>"##);
        let _ =
            writeln!(svg, r#"<text x="{:.1}" y="{:.1}" text-anchor="end">{}</text>"#, left - 5.0, y + 4.0, short(tick));
    }
    let (width, height) = (right - left, bottom - top);
    let _ = writeln!(
        svg,
        r##"<rect x="{left}" y="{top}" width="{width}" height="{height}" fill="none" stroke="#444444"/>"##
    );
    let _ = writeln!(
        svg,
        r#"<text x="{:.1}" y="{:.1}" text-anchor="middle">size</text>"#,
        0.5 * (left + right),
        bottom + 30.0
    );
    let middle = 0.5 * (top + bottom);
    let _ = writeln!(
        svg,
        r#"<text x="14" y="{middle:.1}" text-anchor="middle" transform="rotate(-90 14 {middle:.1})">iterations/s</text>"#
    );
}

fn legend(svg: &mut String) {
    let names = SERIES.iter().copied().chain([("bandwidth", "#888888")]);
    for (row, (label, color)) in names.enumerate() {
        let (x, y) = (PANEL_WIDTH - MARGIN_RIGHT - 92.0, MARGIN_TOP + 14.0 + 13.0 * row as f64);
        let _ = writeln!(svg, r#"<text x="{x}" y="{y}" fill="{color}" font-size="10">{label}</text>"#);
    }
}

fn path(svg: &mut String, points: impl Iterator<Item = (f64, f64)>, color: &str, style: &str) {
    let points: Vec<String> = points.map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let _ = writeln!(
        svg,
        r#"<polyline points="{}" fill="none" stroke="{color}" stroke-width="1.6"{style}/>"#,
        points.join(" ")
    );
}

/// `1000000` as `10⁶`; small numbers as they are.
fn short(value: f64) -> String {
    let exponent = value.log10();
    if (0.01..10_000.0).contains(&value) {
        format!("{value}")
    } else if (exponent - exponent.round()).abs() < 1e-9 {
        let digits = "⁰¹²³⁴⁵⁶⁷⁸⁹";
        let raised = format!("{:.0}", exponent).replace('-', "⁻");
        let raised =
            raised.chars().map(|c| c.to_digit(10).and_then(|digit| digits.chars().nth(digit as usize)).unwrap_or(c));
        format!("10{}", raised.collect::<String>())
    } else {
        format!("{value:.0e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_places_decades_at_equal_distances() {
        let axis = Axis::around([10.0, 1000.0].into_iter(), 100.0, 300.0);
        let (a, b, c) = (axis.place(10.0), axis.place(100.0), axis.place(1000.0));
        assert!((b - a - (c - b)).abs() < 1e-9 && 100.0 < a && c < 300.0);
        assert_eq!(axis.ticks(), [10.0, 100.0, 1000.0]);
    }

    #[test]
    fn labels_are_short() {
        assert_eq!([short(1e-5), short(0.5), short(200.0), short(1e12)], ["10⁻⁵", "0.5", "200", "10¹²"]);
    }

    #[test]
    fn an_axis_of_one_value_has_a_width() {
        let axis = Axis::around([4000.0].into_iter(), 0.0, 100.0);
        assert!((axis.place(4000.0) - 50.0).abs() < 1e-9);
        assert_eq!(axis.ticks(), [5000.0]);
    }
}
