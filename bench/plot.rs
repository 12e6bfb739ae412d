//! The plot: issuances over clients, and their floor.

use crate::round::Round;
use plotters::prelude::*;
use std::path::Path;

const ISSUANCES: RGBColor = RGBColor(20, 90, 160);
const FLOOR: RGBColor = RGBColor(150, 150, 150);

/// Draws the rounds into an SVG file.
pub fn draw(rounds: &[Round], file: &Path) {
    let root = SVGBackend::new(file, (760, 420)).into_drawing_area();
    root.fill(&WHITE).unwrap();
    let issuances: Vec<f64> = rounds.iter().map(|round| round.outcome.per_second()).collect();
    let floor: Vec<f64> = rounds.iter().map(|round| round.floor / round.posts()).collect();
    let top = issuances.iter().chain(&floor).copied().fold(1.0, f64::max) * 1.35;
    let mut chart = ChartBuilder::on(&root)
        .margin(18)
        .x_label_area_size(46)
        .y_label_area_size(64)
        .build_cartesian_2d(-0.25..rounds.len() as f64 - 0.75, 0.0..top)
        .unwrap();
    let label = |at: &f64| {
        let near = (at - at.round()).abs() < 0.01;
        let round = rounds.get(at.round().max(0.0) as usize).filter(|_| near);
        round.map(|round| round.clients.to_string()).unwrap_or_default()
    };
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.1))
        .axis_style(BLACK.mix(0.5))
        .label_style(("sans-serif", 17))
        .axis_desc_style(("sans-serif", 18))
        .x_labels(rounds.len() * 2)
        .x_label_formatter(&label)
        .y_label_formatter(&|value| format!("{value:.0}"))
        .x_desc("clients at once")
        .y_desc("issuances per second")
        .draw()
        .unwrap();
    for (name, color, values) in [
        ("floor: bare durable requests, divided by the POSTs of an issuance", FLOOR, floor),
        ("complete issuances", ISSUANCES, issuances),
    ] {
        let points: Vec<(f64, f64)> = values.into_iter().enumerate().map(|(n, value)| (n as f64, value)).collect();
        let line = LineSeries::new(points.clone(), color.stroke_width(2));
        let key = move |(x, y)| PathElement::new(vec![(x, y), (x + 20, y)], color.stroke_width(2));
        chart.draw_series(line).unwrap().label(name).legend(key);
        chart.draw_series(points.iter().map(|point| Circle::new(*point, 4, color.filled()))).unwrap();
        let texts = points.iter().map(|(x, y)| {
            let size = ("sans-serif", 16).into_font().color(&color);
            EmptyElement::at((*x, *y)) + Text::new(format!("{y:.0}"), (-8, -20), size)
        });
        chart.draw_series(texts).unwrap();
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.9))
        .border_style(TRANSPARENT)
        .label_font(("sans-serif", 17))
        .draw()
        .unwrap();
    root.present().unwrap();
}
