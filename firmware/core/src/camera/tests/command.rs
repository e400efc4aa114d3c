//! What the fleet asks of one camera.

use ed25519_dalek::SigningKey;
use std::vec;

use super::{
    Bench,
    gateway::{NOW_MS, online_key, signed, signed_until},
};
use crate::{
    camera::{Command, Error},
    cose::{self, Action, CommandBody, kind},
    link::{
        UpdateError,
        sim::{Mode, list},
    },
    wire::CameraId,
};

#[test]
fn a_command_is_taken_on_once_and_only_by_the_camera_it_is_for() {
    let mut bench = Bench::new(&[Mode::Up]);
    let Bench { world, cloud, camera, .. } = &mut bench;
    let command = |seq, camera: &str, action| {
        let mut body = [0; 128];
        let n = CommandBody { camera: CameraId::new(camera).unwrap(), action }.encode(&mut body).unwrap();
        signed(kind::COMMAND, seq, &body[..n], &online_key())
    };
    assert_eq!(world.run(camera.fetch_command(0)), Ok(None));
    for action in Action::ALL {
        *cloud.command.borrow_mut() = Some(command(5, "cam-1", action));
        assert_eq!(world.run(camera.fetch_command(4)), Ok(Some(Command { seq: 5, action })));
        for done in [5, 6, u64::MAX] {
            assert_eq!(world.run(camera.fetch_command(done)), Ok(None), "a command is done once");
        }
    }
    let mut body = [0; 2048];
    let n = list(&[0]).encode(&mut body).unwrap();
    let mut command_body = [0; 128];
    let for_it = CommandBody { camera: CameraId::new("cam-1").unwrap(), action: Action::Restart };
    let m = for_it.encode(&mut command_body).unwrap();
    let mut unknown = command_body[..m].to_vec();
    *unknown.last_mut().unwrap() = b'x';
    let wrong = [
        command(5, "cam-2", Action::Restart),
        signed(kind::ENDPOINTS, 5, &body[..n], &online_key()),
        signed(kind::COMMAND, 5, &command_body[..m], &SigningKey::from_bytes(&[66; 32])),
        signed(kind::COMMAND, 5, &unknown, &online_key()),
        vec![],
    ];
    for document in wrong {
        *cloud.command.borrow_mut() = Some(document);
        assert!(matches!(world.run(camera.fetch_command(0)), Err(Error::Document(_))));
    }
    let late = signed_until(NOW_MS / 1000, kind::COMMAND, 5, &command_body[..m], &online_key());
    *cloud.command.borrow_mut() = Some(late);
    let expired = Error::Document(UpdateError::Document(cose::Error::Expired));
    assert_eq!(world.run(camera.fetch_command(0)), Err(expired));
    assert_eq!(world.run(camera.fetch_command(5)), Ok(None), "what was done may expire in peace");
}
