//! A QR code as one path of an SVG image: the page draws it itself, so that no markup is sent and nothing is inline.

use qrcode::{Color, EcLevel, QrCode};

/// The drawing: `path` fills the dark modules of a square of `size` units, without the quiet zone of four around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawing {
    pub size: u32,
    pub path: String,
}

/// None when the text is too long for any QR code.
#[must_use]
pub fn draw(text: &str) -> Option<Drawing> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let width = code.width();
    let mut path = String::new();
    for (y, row) in code.to_colors().chunks(width).enumerate() {
        let mut x = 0;
        for run in row.chunk_by(|one, next| one == next) {
            if run.first() == Some(&Color::Dark) {
                path.push_str(&format!("M{x} {y}h{0}v1h-{0}z", run.len()));
            }
            x += run.len();
        }
    }
    Some(Drawing { size: u32::try_from(width).ok()?, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_fills_what_is_dark_and_nothing_else() {
        let text = "otpauth://totp/Phitak:somebody?secret=ABCDEFGHIJKLMNOP";
        let drawing = draw(text).expect("fits");
        let size = drawing.size as usize;
        let mut dark = vec![false; size * size];
        for part in drawing.path.split('M').skip(1) {
            let numbers: Vec<usize> =
                part.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect();
            let [x, y, length, 1, _] = numbers[..] else { panic!("{part}") };
            dark[y * size + x..y * size + x + length].fill(true);
        }
        let code = QrCode::with_error_correction_level(text, EcLevel::M).expect("fits");
        let expected: Vec<bool> = code.to_colors().iter().map(|color| *color == Color::Dark).collect();
        assert_eq!(dark, expected);
        assert!(draw(&"x".repeat(10_000)).is_none());
    }
}
