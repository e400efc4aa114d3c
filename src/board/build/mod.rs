//! Making a board's firmware from its sources: compiling, images, sizes.

mod cargo;
mod sources;
mod toolchain;

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use tokio_util::sync::CancellationToken;

pub use toolchain::{Machine, NoToolchain, Toolchain, Way, find};

use super::{
    Board,
    image::{self, Application, Descriptor},
    size::{self, Sizes},
};
use crate::journal::{self, atomic};

/// A program of the firmware.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// What the camera does.
    Application,
    /// The small part before it, which no update replaces.
    Boot,
}

impl Stage {
    const fn package(self) -> &'static str {
        match self {
            Self::Application => "wildcam-firmware",
            Self::Boot => "wildcam-boot",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Application => "application",
            Self::Boot => "boot stage",
        })
    }
}

/// What a build tells while it goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The compiler that was chosen.
    Toolchain {
        /// For which board.
        board: Board,
        /// Which one, in words.
        toolchain: String,
    },
    /// A crate was compiled, or was there already.
    Compiling {
        /// For which board.
        board: Board,
        /// For which program.
        stage: Stage,
        /// How many crates are done.
        done: u64,
        /// How many there are, where cargo says so.
        total: Option<u64>,
        /// The last one.
        name: String,
    },
    /// The compiler warns.
    Warning {
        /// For which board.
        board: Board,
        /// For which program.
        stage: Stage,
        /// What it says.
        text: String,
    },
}

/// Why there is no firmware.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No compiler builds for the board.
    #[error(transparent)]
    NoToolchain(#[from] NoToolchain),
    /// A program could not be started.
    #[error("{} cannot be run", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// What the firmware is made of could not be fetched.
    #[error("what the firmware is made of cannot be had:\n{said}")]
    Fetch {
        /// Without a network, as was asked.
        offline: bool,
        /// What cargo said.
        said: String,
    },
    /// The sources do not compile.
    #[error("the {stage} for {board} does not compile:\n{said}")]
    Compile {
        /// For which board.
        board: Board,
        /// Which program.
        stage: Stage,
        /// What the compiler said.
        said: String,
    },
    /// No image could be made of what was compiled.
    #[error("the {stage} for {board} makes no image")]
    Image {
        /// For which board.
        board: Board,
        /// Which program.
        stage: Stage,
        /// Why not.
        source: image::Error,
    },
    /// A file could not be read or made.
    #[error("{} cannot be used", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file could not be written.
    #[error(transparent)]
    Write(#[from] journal::Error),
    /// Interrupted. What was compiled stays, and the next build goes on from there.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// What to do about it, where there is something.
    #[must_use]
    pub fn next_step(&self) -> Option<String> {
        match self {
            Self::NoToolchain(error) => Some(error.install.clone()),
            Self::Fetch { offline: true, .. } => {
                Some("run it once without --offline, where there is a network".to_owned())
            }
            _ => None,
        }
    }
}

/// What to build.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The board.
    pub board: Board,
    /// The compiler, from [`find`].
    pub toolchain: &'a Toolchain,
    /// The folder that holds firmware/; absent: the sources that this program brings.
    pub sources: Option<&'a Path>,
    /// Where sources are unpacked and compiled.
    pub cache: &'a Path,
    /// Where the files go.
    pub output: &'a Path,
    /// cargo's home, whose place is kept out of the images.
    pub cargo_home: Option<&'a Path>,
    /// Without a network.
    pub offline: bool,
}

/// What was built.
#[derive(Debug, Clone)]
pub struct Built {
    /// The board.
    pub board: Board,
    /// What the application image says of itself.
    pub descriptor: Descriptor,
    /// How large it is, and how large it may be.
    pub sizes: Sizes,
    /// The files.
    pub files: Files,
}

/// The files of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The application as the linker left it, with names and lines for backtraces.
    pub elf: PathBuf,
    /// The application image, for a slot.
    pub app: PathBuf,
    /// The boot stage: for a chip the image at the launcher's place, for the emulated board its first flash unit.
    pub boot: PathBuf,
    /// All of the flash from its first byte on; for the emulated board its second unit.
    pub full: PathBuf,
    /// The sizes, as JSON.
    pub size: PathBuf,
}

impl Files {
    /// The names of a board's files in a folder.
    #[must_use]
    pub fn of(board: Board, folder: &Path) -> Self {
        let file = |end: &str| folder.join(format!("wildcam-{board}{end}"));
        Self {
            elf: file(".elf"),
            app: file("-app.bin"),
            boot: file("-boot.bin"),
            full: file("-full.bin"),
            size: file("-size.json"),
        }
    }
}

/// Compiles a board's application and boot stage, and writes the images. A build whose sizes are over the budget is a build;
/// [`Sizes::over`] says by how much.
///
/// # Errors
/// When the sources do not compile, no image can be made of them, or a file cannot be written.
pub async fn build(
    request: &Request<'_>,
    interrupt: &CancellationToken,
    listener: &mut (dyn FnMut(Event) + Send),
) -> Result<Built, Error> {
    let board = request.board;
    listener(Event::Toolchain { board, toolchain: request.toolchain.to_string() });
    let file = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::File { path, source }
    };
    let sources = match request.sources {
        Some(folder) => fs::canonicalize(folder).map_err(file(folder))?,
        None => sources::unpack(request.cache).map_err(file(request.cache))?,
    };
    // Per board: two builds side by side then never replace each other's programs. Per folder of sources: cargo tells a change by
    // a file's time, and what another folder left behind may be younger than the sources of this one.
    let target = request.cache.join(sources::target(&sources)).join(board.name());
    let mut elfs = Vec::new();
    for stage in [Stage::Application, Stage::Boot] {
        let job = cargo::Job {
            board,
            stage,
            toolchain: request.toolchain,
            sources: &sources,
            target: &target,
            cargo_home: request.cargo_home,
            offline: request.offline,
            version: env!("CARGO_PKG_VERSION"),
        };
        let path = cargo::compile(&job, interrupt, listener).await?;
        elfs.push(fs::read(&path).map_err(file(&path))?);
    }
    write(board, request.output, &elfs[0], &elfs[1])
}

/// Makes the images from the two programs, and writes the files of a board.
///
/// # Errors
/// When no image can be made, or a file cannot be written.
pub fn write(board: Board, output: &Path, elf: &[u8], boot_elf: &[u8]) -> Result<Built, Error> {
    let failed = |stage| move |source| Error::Image { board, stage, source };
    let application = image::application(board, elf).map_err(failed(Stage::Application))?;
    let boot = boot_stage(board, boot_elf).map_err(failed(Stage::Boot))?;
    let launcher = (board != Board::QemuVirt).then_some(boot.as_slice());
    let sizes = size::measure(board, elf, &application, boot.len()).map_err(failed(Stage::Application))?;
    let files = Files::of(board, output);
    fs::create_dir_all(output).map_err(|source| Error::File { path: output.to_owned(), source })?;
    atomic::write(&files.elf, elf)?;
    atomic::write(&files.app, &application.bytes)?;
    write_boot(board, &files.boot, &boot)?;
    // Without room for one of its parts there is no whole; the sizes say so.
    match image::full(board, launcher, &application.bytes) {
        Ok(full) => atomic::write(&files.full, &full)?,
        Err(image::Error::TooLarge { .. }) if !sizes.over().is_empty() => {
            let _ = fs::remove_file(&files.full);
        }
        Err(error) => return Err(failed(Stage::Application)(error)),
    }
    let mut json = serde_json::to_string_pretty(&sizes).unwrap_or_default();
    json.push('\n');
    atomic::write(&files.size, json.as_bytes())?;
    let Application { descriptor, .. } = application;
    Ok(Built { board, descriptor, sizes, files })
}

fn boot_stage(board: Board, elf: &[u8]) -> Result<Vec<u8>, image::Error> {
    match board {
        Board::QemuVirt => image::raw(elf),
        Board::Esp32C3 | Board::Esp32C6 | Board::Esp32S3 => Ok(image::application(board, elf)?.bytes),
    }
}

/// QEMU takes a flash unit of one length only; the rest of the file takes no room on the disk.
fn write_boot(board: Board, path: &Path, boot: &[u8]) -> Result<(), Error> {
    atomic::write(path, boot)?;
    if board == Board::QemuVirt {
        let lengthened = fs::File::options().write(true).open(path).and_then(|file| file.set_len(image::UNIT_BYTES));
        lengthened.map_err(|source| Error::File { path: path.to_owned(), source })?;
    }
    Ok(())
}
