//! Reading QR codes, as a phone's camera does.

use std::io::Cursor;

use png::{Decoder, Transformations};
use rqrr::PreparedImage;

/// The text of the one QR code in a PNG.
pub fn scan(png: &[u8]) -> String {
    let mut decoder = Decoder::new(Cursor::new(png));
    decoder.set_transformations(Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().expect("a PNG");
    let mut rows = vec![0; reader.output_buffer_size().expect("a size")];
    let info = reader.next_frame(&mut rows).expect("pixels");
    // One byte of each pixel is enough: a code is black and white.
    let grey = |x: usize, y: usize| rows[y * info.line_size + x * info.color_type.samples()];
    scan_grey(info.width as usize, info.height as usize, grey)
}

/// The text of the one QR code in a picture of so many pixels, each between black (0) and white (255).
pub fn scan_grey(width: usize, height: usize, grey: impl FnMut(usize, usize) -> u8) -> String {
    let mut picture = PreparedImage::prepare_from_greyscale(width, height, grey);
    let grids = picture.detect_grids();
    let [grid] = grids.as_slice() else { panic!("{} codes in the picture", grids.len()) };
    grid.decode().expect("a code that can be read").1
}
