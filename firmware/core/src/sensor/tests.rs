use std::{vec, vec::Vec};

use proptest::prelude::*;

use super::{
    ArduCam, Error, JpegScan, MAX_PICTURE_BYTES, ScanError,
    ov2640::{Quality, Size},
    simulated::Bus,
};

/// A picture as the sensor sends it: tables, a comment that holds an end marker, and `data` bytes in which 0xFF is
/// stuffed and restart markers stand.
fn picture(data: usize) -> Vec<u8> {
    let mut bytes = vec![0xFF, 0xD8, 0xFF, 0xE0, 0, 16];
    bytes.extend(*b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0");
    bytes.extend([0xFF, 0xFE, 0, 6, 0xFF, 0xD9, 0xFF, 0xD8]);
    bytes.extend([0xFF, 0xC0, 0, 2, 0xFF, 0xFF, 0xDA, 0, 4, 1, 2]);
    for at in 0..data {
        match at % 97 {
            0 => bytes.extend([0xFF, 0x00]),
            1 => bytes.extend([0xFF, 0xD0 + (at / 97 % 8) as u8]),
            other => bytes.push(other as u8),
        }
    }
    bytes.extend([0xFF, 0xD9]);
    bytes
}

/// What the frame memory holds: something before the picture, the picture, and what was there before.
fn frame(picture: &[u8], before: &[u8], after: usize) -> Vec<u8> {
    let mut bytes = before.to_vec();
    bytes.extend(picture);
    bytes.extend(vec![0xD9; after]);
    bytes
}

fn scan(bytes: &[u8], step: usize) -> Result<(Vec<u8>, bool), ScanError> {
    let mut scan = JpegScan::new();
    let mut found = Vec::new();
    for chunk in bytes.chunks(step) {
        let piece = scan.feed(chunk)?;
        if piece.begins {
            assert!(found.is_empty(), "a picture begins once");
            found.extend([0xFF, 0xD8, 0xFF]);
        }
        found.extend(&chunk[piece.range]);
        assert_eq!(found.len() as u32, scan.bytes());
    }
    Ok((found, scan.is_complete()))
}

fn all(camera: &mut ArduCam<Bus, Bus>, room: usize) -> Vec<u8> {
    let mut buffer = vec![0; room];
    let mut found = Vec::new();
    loop {
        match camera.read(&mut buffer).expect("the picture is read") {
            0 => return found,
            bytes => found.extend(&buffer[..bytes]),
        }
    }
}

/// Reads as one does who knows the length: never more room than is left.
fn exactly(camera: &mut ArduCam<Bus, Bus>, bytes: usize, room: usize) -> Vec<u8> {
    let mut buffer = vec![0; room];
    let mut found = Vec::new();
    while found.len() < bytes {
        let room = room.min(bytes - found.len());
        let n = camera.read(&mut buffer[..room]).expect("the picture is read");
        assert!((1..=room).contains(&n));
        found.extend(&buffer[..n]);
    }
    found
}

fn ready(frames: impl IntoIterator<Item = Vec<u8>>) -> (ArduCam<Bus, Bus>, Bus) {
    let bus = Bus::new(frames);
    let mut camera = ArduCam::new(bus.clone(), bus.clone());
    camera.begin(Size::Uxga, Quality::DEFAULT, &mut bus.clone()).expect("the camera is set up");
    (camera, bus)
}

fn take(camera: &mut ArduCam<Bus, Bus>) {
    camera.start().expect("a capture starts");
    let mut polls = 0;
    while !camera.is_done().expect("the state is read") {
        polls += 1;
        assert!(polls < 10, "a capture ends");
    }
}

#[test]
fn a_picture_is_found_whatever_lies_around_it_and_however_it_is_cut() {
    let picture = picture(300);
    for before in [&b""[..], b"\xFF", b"\xFF\xD8", b"\xFF\xD8\x00", b"\xFF\xFF", b"\x00\xFF\xD9"] {
        for step in [1, 2, 3, 5, 64, 4096] {
            let frame = frame(&picture, before, 70);
            assert_eq!(scan(&frame, step), Ok((picture.clone(), true)), "{before:x?} in steps of {step}");
        }
    }
}

#[test]
fn a_picture_that_is_cut_off_is_never_taken_for_whole() {
    let picture = picture(200);
    for end in 0..picture.len() {
        assert!(!scan(&picture[..end], 7).is_ok_and(|(_, complete)| complete), "cut at {end}");
    }
}

#[test]
fn what_is_not_a_picture_is_refused() {
    assert_eq!(scan(b"\xFF\xD8\xFF\xE0\x00\x01", 3), Err(ScanError::Malformed), "a length shorter than itself");
    assert_eq!(scan(b"\xFF\xD8\xFF\xDB\x00\x02\x12", 3), Err(ScanError::Malformed), "no marker after a segment");
    assert_eq!(scan(b"\xFF\xD8\xFF\xE0\x00\x02\xFF\xD8", 3), Err(ScanError::Malformed), "a picture in a picture");
    assert_eq!(scan(b"\xFF\xD8\xFF\xDA\x00\x02", 3), Ok((Vec::new(), false)), "a scan without tables");
    let mut endless = picture(0);
    endless.truncate(endless.len() - 2);
    endless.resize(MAX_PICTURE_BYTES as usize + 1, 0);
    assert_eq!(scan(&endless, 4096), Err(ScanError::TooLong));
}

proptest! {
    #[test]
    fn any_bytes_are_scanned_alike_in_any_steps(
        bytes in proptest::collection::vec(prop_oneof![
            3 => Just(0xFF_u8), 1 => Just(0xD8), 1 => Just(0xD9), 1 => Just(0xDA), 1 => Just(0xE0), 2 => Just(0), 2 => any::<u8>()
        ], 0..400),
        step in 1_usize..50,
    ) {
        prop_assert_eq!(scan(&bytes, step), scan(&bytes, 1024));
    }
}

#[test]
fn pictures_are_measured_and_read_in_pieces() {
    let (first, second) = (picture(9_000), picture(50));
    let (mut camera, bus) = ready([frame(&first, b"\xFF\xD8\x01", 500), frame(&second, b"", 8_000)]);
    for picture in [first, second] {
        take(&mut camera);
        assert_eq!(camera.measure(), Ok(picture.len() as u32));
        for room in [4, 5, 64, 512, 4096] {
            camera.rewind().expect("it can be read again");
            assert_eq!(all(&mut camera, room), picture, "with room for {room}");
            camera.rewind().expect("it can be read again");
            assert_eq!(exactly(&mut camera, picture.len(), room), picture, "with room for {room} and no more");
        }
    }
    assert!(bus.0.borrow().longest <= 4096, "never more than there is room for");
}

#[test]
fn the_sensor_is_told_to_send_jpeg_of_the_size_asked_for() {
    let (_, bus) = ready([]);
    let board = bus.0.borrow();
    let [dsp, sensor] = &board.registers[..] else { panic!("two banks") };
    assert_eq!((dsp[0xDA], dsp[0xE0], dsp[0x44]), (0x10, 0x00, 12));
    assert_eq!((dsp[0x5A], dsp[0x5B], dsp[0x5C]), (0x90, 0x2C, 0x05), "1600 x 1200");
    assert_eq!((sensor[0x12], sensor[0x17], sensor[0x18]), (0x00, 0x11, 0x75));
}

#[test]
fn a_sensor_that_slept_takes_a_picture_again() {
    let (mut camera, bus) = ready([picture(10), picture(20)]);
    take(&mut camera);
    camera.sleep().expect("the sensor sleeps");
    camera.wake().expect("the sensor wakes");
    take(&mut camera);
    assert_eq!(camera.measure(), Ok(picture(20).len() as u32));
    assert!(bus.0.borrow().frames.is_empty());
}

#[test]
fn faults_of_the_board_are_told_apart() {
    let bus = Bus::new([]);
    bus.0.borrow_mut().absent = true;
    let begin = |bus: &Bus| ArduCam::new(bus.clone(), bus.clone()).begin(Size::Vga, Quality::DEFAULT, &mut bus.clone());
    assert_eq!(begin(&bus), Err(Error::NoArduChip));
    let bus = Bus::new([]);
    bus.0.borrow_mut().product = [0x56, 0x40];
    assert_eq!(begin(&bus), Err(Error::NotOv2640([0x56, 0x40])));

    let cut = picture(500);
    let frames = [Vec::new(), cut[..300].to_vec(), b"\xFF\xD8\xFF\xDB\x00\x02\x01".to_vec(), vec![0; 900]];
    let (mut camera, _) = ready(frames);
    for fault in [Error::Length(0), Error::NoEnd, Error::Picture(ScanError::Malformed), Error::NoEnd] {
        take(&mut camera);
        assert_eq!(camera.measure(), Err(fault));
    }
}
