//! Finds the templates of a provider: those that are built in, and over them those in the project's folder.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use super::{Error, TemplateText, embedded::TEMPLATES};
use crate::project::{Project, Provider};

/// The largest template.
const MAX_TEMPLATE_BYTES: u64 = 1024 * 1024;

/// The most templates of one provider in a project's folder.
const MOST_FILES: usize = 200;

/// All templates of a provider, by stack.
pub(super) fn all(project: &Project, provider: Provider) -> Result<Vec<TemplateText>, Error> {
    let built_in = TEMPLATES.iter().filter(|(of, ..)| *of == provider);
    let mut found: Vec<TemplateText> =
        built_in.map(|(of, stack, text)| TemplateText::named(*of, stack, text)).collect();
    let folder = project.path(&project.settings.deploy.templates).join(provider.as_str());
    for path in yaml_files(&folder)? {
        let stack = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let text = read(&path, &project.dir)?;
        // What people see is the path below the project's folder.
        let file = path.strip_prefix(&project.dir).unwrap_or(&path).display().to_string();
        found.retain(|other| other.stack != stack);
        found.push(TemplateText { provider, stack, file, text });
    }
    found.sort_by(|a, b| a.stack.cmp(&b.stack));
    Ok(found)
}

fn yaml_files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let unreadable = |source| Error::Unreadable { path: folder.to_owned(), source };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(unreadable)?.path();
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default();
        if ending == "yml" {
            let help = "a template ends in .yaml: rename it";
            return Err(Error::Refused { path, what: "would be passed over", help });
        }
        if ending == "yaml" {
            files.push(path);
        }
        if files.len() > MOST_FILES {
            return Err(Error::Refused {
                path: folder.to_owned(),
                what: "holds more than 200 templates",
                help: "keep in it the templates of one provider",
            });
        }
    }
    files.sort();
    Ok(files)
}

fn read(path: &Path, project: &Path) -> Result<String, Error> {
    let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
    let refused = |what, help| Error::Refused { path: path.to_owned(), what, help };
    let project = if project.as_os_str().is_empty() { Path::new(".") } else { project };
    let home = project.canonicalize().map_err(unreadable)?;
    let real = path.canonicalize().map_err(unreadable)?;
    if !real.starts_with(&home) {
        return Err(refused(
            "leads out of the project's folder",
            "put the file itself there: a template decides what is made in your accounts",
        ));
    }
    // Asked before it is opened: opening a pipe would wait for ever.
    if !real.metadata().map_err(unreadable)?.is_file() {
        return Err(refused("is no file", "a template is a file that ends in .yaml"));
    }
    let file = std::fs::File::open(&real).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MAX_TEMPLATE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_TEMPLATE_BYTES {
        return Err(refused("is larger than 1 MiB", "split it into several stacks"));
    }
    String::from_utf8(bytes).map_err(|_| refused("is no UTF-8 text", "save it as UTF-8"))
}
