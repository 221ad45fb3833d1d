//! Bars as SVG, on a logarithmic scale.

use std::fmt::Write as _;

/// Pixels from the top of one bar to that of the next.
const STEP: f64 = 24.0;
/// Pixels for the names.
const LEFT: f64 = 300.0;
/// Pixels for a power of ten.
const DECADE: f64 = 90.0;

/// One bar for each value, which must be above zero.
pub(crate) fn bars(title: &str, bars: &[(String, f64)]) -> String {
    let least = bars.iter().map(|(_, value)| value.log10()).fold(f64::INFINITY, f64::min).floor();
    let most = bars.iter().map(|(_, value)| value.log10()).fold(f64::NEG_INFINITY, f64::max).ceil();
    let width = LEFT + (most - least) * DECADE + 80.0;
    #[expect(clippy::cast_precision_loss, reason = "a handful")]
    let height = bars.len() as f64 * STEP + 60.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
         font-size=\"13\" role=\"img\"><title>{title}</title><rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\
         <text x=\"{LEFT}\" y=\"20\" font-weight=\"bold\">{title} (logarithmic)</text>"
    );
    let mut y = 34.0;
    for (name, value) in bars {
        let length = (value.log10() - least) * DECADE;
        let colour = match name.split(':').next() {
            Some("floor") => "#9aa1ad",
            Some("OpenAuth" | "oidc-provider") => "#d98a3d",
            _ => "#1f3fd1",
        };
        let (middle, end, name_end) = (y + 13.0, LEFT + length + 6.0, LEFT - 8.0);
        let _ = write!(
            svg,
            "<text x=\"{name_end}\" y=\"{middle}\" text-anchor=\"end\">{name}</text>\
             <rect x=\"{LEFT}\" y=\"{y}\" width=\"{length:.1}\" height=\"17\" fill=\"{colour}\"/>\
             <text x=\"{end:.1}\" y=\"{middle}\">{value:.2}</text>"
        );
        y += STEP;
    }
    svg.push_str("</svg>\n");
    svg
}
