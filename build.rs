//! Packs the firmware's sources, so that an installed wildcam can compile them.
//!
//! The archive holds a tree of its own: firmware/ as it stands, and above it a Cargo.toml with those tables of the
//! project's that `wildcam-core` inherits from. The same sources give the same archive.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

fn main() {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    let out = PathBuf::from(variable("OUT_DIR"));
    let mut files = vec![("Cargo.toml".to_owned(), workspace(&read(&root.join("Cargo.toml"))).into_bytes())];
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=Cargo.toml");
    collect(&root, "firmware", &mut files);
    files.sort();
    let archive = pack(&files);
    let hash: String = Sha256::digest(&archive).iter().map(|byte| format!("{byte:02x}")).collect();
    fs::write(out.join("firmware.tar.gz"), compress(&archive)).expect("OUT_DIR can be written to");
    println!("cargo::rustc-env=WILDCAM_FIRMWARE_HASH={hash}");
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The tables that members of the workspace inherit from, with `wildcam-core` as the only member.
fn workspace(manifest: &str) -> String {
    let begin = manifest.find("[workspace.package]").expect("Cargo.toml has [workspace.package]");
    let end = manifest.find("\n[package]").expect("Cargo.toml has [package]");
    format!("[workspace]\nmembers = [\"firmware/core\"]\nresolver = \"3\"\n\n{}", &manifest[begin..end])
}

/// The files below `folder`. What cargo writes there is left out, and watched by nobody.
fn collect(root: &Path, folder: &str, files: &mut Vec<(String, Vec<u8>)>) {
    let entries = fs::read_dir(root.join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    for entry in entries {
        let entry = entry.expect("the entries of a source folder can be read");
        let name = entry.file_name().into_string().expect("a source file has a name in UTF-8");
        let path = format!("{folder}/{name}");
        let is_folder = entry.file_type().expect("the kind of a source file can be read").is_dir();
        if is_folder && name != "target" {
            // Watched as a whole where it holds sources only, so that a new file is seen.
            if matches!(name.as_str(), "src" | "tests" | "ld") {
                println!("cargo::rerun-if-changed={path}");
            }
            collect(root, &path, files);
        } else if !is_folder && !name.starts_with('.') || path.ends_with(".cargo/config.toml") {
            println!("cargo::rerun-if-changed={path}");
            files.push((path, fs::read(entry.path()).expect("a source file can be read")));
        }
    }
}

fn pack(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_size(bytes.len() as u64);
        builder.append_data(&mut header, path, bytes.as_slice()).expect("a Vec can be written to");
    }
    builder.into_inner().expect("a Vec can be written to")
}

fn compress(archive: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut encoder, archive).expect("a Vec can be written to");
    encoder.finish().expect("a Vec can be written to")
}
