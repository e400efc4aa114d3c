//! The camera's eye: an OV2640 by OmniVision, and the two ways in which its pictures reach the chip.
//!
//! Pictures are JPEG, made by the sensor. [`ov2640`] says which registers make it do so, for boards that read its
//! parallel port themselves and for the ArduCAM Mini. [`ArduCam`] drives that one: the sensor writes a frame into a
//! memory beside it, and the chip reads the frame over SPI in pieces, so that no whole picture is ever in RAM.
//! [`JpegScan`] finds the picture in what a frame memory holds: its length is not known before its end has been seen.
//!
//! The registers were taken from the data sheet of the OV2640 (version 1.6) and the hardware description of the
//! ArduCAM Mini; they have been tried against a simulation of the ArduCAM only. The many analogue settings that
//! vendors ship without saying what they do are left at their reset values.

mod arduchip;
mod jpeg;
pub mod ov2640;
#[cfg(test)]
mod simulated;
#[cfg(test)]
mod tests;

pub use arduchip::{ArduCam, Error};
pub use jpeg::{JpegScan, MAX_PICTURE_BYTES, Piece, ScanError};
