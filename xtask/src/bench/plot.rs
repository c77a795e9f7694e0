//! A picture of the measurements: iterations per second over the size of the problem (or what the panel says), both axes logarithmic, one panel per case.
//!
//! As in the talk, more iterations are better. The dashed line is what the memory bandwidth would allow a program that moves each byte once.

use super::spread::Spread;
use std::fmt::Write;

const PANEL_WIDTH: f64 = 320.0;
const PANEL_HEIGHT: f64 = 260.0;
const MARGIN_LEFT: f64 = 62.0;
const MARGIN_RIGHT: f64 = 14.0;
const MARGIN_TOP: f64 = 34.0;
const MARGIN_BOTTOM: f64 = 46.0;
const PANELS_PER_ROW: usize = 3;

/// Colors by library; others take what is left.
const COLORS: [(&str, &str); 15] = [
    ("numpy", "#c0504d"),
    ("legate", "#1f6fb4"),
    ("numexpr", "#7f9f3f"),
    ("numba", "#8064a2"),
    ("jax", "#e08a1e"),
    ("dask", "#4bacc6"),
    ("cupynumeric", "#3f7f5f"),
    ("new", "#e08a1e"),
    ("again", "#1f6fb4"),
    ("controller", "#c0504d"),
    ("jacobi", "#c0504d"),
    ("black_scholes", "#1f6fb4"),
    ("logistic_regression", "#7f9f3f"),
    ("heat", "#e08a1e"),
    ("pcg", "#8064a2"),
];
const OTHER_COLOR: &str = "#a09080";

/// One case over sizes.
pub(super) struct Panel {
    pub(super) name: String,
    /// What is across and what is up.
    axes: (&'static str, &'static str),
    /// Where the curves leave room for their names.
    legend_x: f64,
    /// Curves by library, in the order in which they were added.
    curves: Vec<(String, Vec<Point>)>,
    /// Size and iterations per second if the traffic that a case needs went at the machine's bandwidth.
    pub(super) limit: Vec<(f64, f64)>,
}

impl Panel {
    pub(super) fn new(name: &str) -> Panel {
        Panel { legend_x: PANEL_WIDTH - MARGIN_RIGHT - 92.0, ..Panel::over(name, ("size", "iterations/s")) }
    }

    /// With other axes, over which curves rise.
    pub(super) fn over(name: &str, axes: (&'static str, &'static str)) -> Panel {
        Panel { name: name.to_owned(), axes, legend_x: MARGIN_LEFT + 8.0, curves: Vec::new(), limit: Vec::new() }
    }

    pub(super) fn add(&mut self, library: &str, point: Point) {
        match self.curves.iter_mut().find(|(name, _)| name == library) {
            Some((_, points)) => points.push(point),
            None => self.curves.push((library.to_owned(), vec![point])),
        }
    }
}

/// Iterations per second at a size.
pub(super) struct Point {
    size: f64,
    rate: f64,
    low: f64,
    high: f64,
}

impl Point {
    /// A single figure.
    pub(super) fn exactly(size: f64, rate: f64) -> Point {
        Point { size, rate, low: rate, high: rate }
    }

    /// From seconds per iteration.
    pub(super) fn at(size: f64, seconds: Spread) -> Point {
        Point { size, rate: seconds.median.recip(), low: seconds.high.recip(), high: seconds.low.recip() }
    }

    /// From the seconds of each round.
    pub(super) fn of(size: f64, seconds: &[f64]) -> Point {
        Point::at(size, Spread::of(seconds.to_vec()))
    }
}

/// An SVG document.
pub(super) fn plot(panels: &[Panel]) -> String {
    let columns = panels.len().clamp(1, PANELS_PER_ROW) as f64;
    let rows = panels.len().div_ceil(PANELS_PER_ROW).max(1) as f64;
    let mut svg = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{}" height="{}" font-family="sans-serif" font-size="11">"#,
        columns * PANEL_WIDTH,
        rows * PANEL_HEIGHT
    );
    svg.push_str("<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n");
    for (index, panel) in panels.iter().enumerate() {
        let (x, y) = ((index % PANELS_PER_ROW) as f64 * PANEL_WIDTH, (index / PANELS_PER_ROW) as f64 * PANEL_HEIGHT);
        let _ = writeln!(svg, r#"<g transform="translate({x},{y})">"#);
        draw(&mut svg, panel);
        svg.push_str("</g>\n");
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw(svg: &mut String, panel: &Panel) {
    let points = || panel.curves.iter().flat_map(|(_, points)| points);
    let rates = points().flat_map(|point| [point.low, point.high]).chain(panel.limit.iter().map(|(_, rate)| *rate));
    let x_axis = Axis::around(points().map(|point| point.size), MARGIN_LEFT, PANEL_WIDTH - MARGIN_RIGHT);
    let y_axis = Axis::around(rates, PANEL_HEIGHT - MARGIN_BOTTOM, MARGIN_TOP);
    frame(svg, panel, &x_axis, &y_axis);
    let limit = panel.limit.iter().map(|(size, rate)| (x_axis.place(*size), y_axis.place(*rate)));
    path(svg, limit, "#888888", " stroke-dasharray=\"4 3\"");
    for (library, points) in &panel.curves {
        curve(svg, (library, panel.axes.1), points, &x_axis, &y_axis);
    }
    legend(svg, panel);
}

fn curve(svg: &mut String, (library, unit): (&str, &str), points: &[Point], x_axis: &Axis, y_axis: &Axis) {
    let color = color(library);
    path(svg, points.iter().map(|point| (x_axis.place(point.size), y_axis.place(point.rate))), color, "");
    for point in points {
        let (x, y) = (x_axis.place(point.size), y_axis.place(point.rate));
        let (low, high) = (y_axis.place(point.low), y_axis.place(point.high));
        let _ = writeln!(svg, r#"<line x1="{x:.1}" y1="{low:.1}" x2="{x:.1}" y2="{high:.1}" stroke="{color}"/>"#);
        let _ = writeln!(
            svg,
            r#"<circle cx="{x:.1}" cy="{y:.1}" r="3" fill="{color}"><title>{library} {:.4} {unit}</title></circle>"#,
            point.rate
        );
    }
}

fn color(library: &str) -> &'static str {
    COLORS.iter().find(|(name, _)| *name == library).map_or(OTHER_COLOR, |(_, color)| color)
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

fn frame(svg: &mut String, panel: &Panel, x_axis: &Axis, y_axis: &Axis) {
    let (left, right, top, bottom) =
        (MARGIN_LEFT, PANEL_WIDTH - MARGIN_RIGHT, MARGIN_TOP, PANEL_HEIGHT - MARGIN_BOTTOM);
    let (name, (across, up)) = (&panel.name, panel.axes);
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
        r#"<text x="{:.1}" y="{:.1}" text-anchor="middle">{across}</text>"#,
        0.5 * (left + right),
        bottom + 30.0
    );
    let middle = 0.5 * (top + bottom);
    let _ = writeln!(
        svg,
        r#"<text x="14" y="{middle:.1}" text-anchor="middle" transform="rotate(-90 14 {middle:.1})">{up}</text>"#
    );
}

fn legend(svg: &mut String, panel: &Panel) {
    let curves = panel.curves.iter().map(|(library, _)| (library.as_str(), color(library)));
    let limit = (!panel.limit.is_empty()).then_some(("bandwidth", "#888888"));
    for (row, (label, color)) in curves.chain(limit).enumerate() {
        let (x, y) = (panel.legend_x, MARGIN_TOP + 14.0 + 13.0 * row as f64);
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
