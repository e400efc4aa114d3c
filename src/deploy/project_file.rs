//! Changing single keys of wildcam.toml, with its comments, its order and everything else of it left as they are.

use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item, Table, TableLike, Value};

use crate::{
    journal::atomic,
    project::{self, Origin, Project},
};

/// One key and its new value.
#[derive(Clone, Debug)]
pub struct Edit {
    /// The key's path: `["deploy", "images", "aws"]`.
    pub path: Vec<String>,
    /// The value.
    pub value: Value,
}

/// Why the file was not changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no file: the project is built in.
    #[error("the built-in lab has no {}", project::FILE_NAME)]
    BuiltIn,
    /// The file cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is no TOML.
    #[error("{} is no TOML", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where.
        source: Box<toml_edit::TomlError>,
    },
    /// A key on the way to the one to change is no table.
    #[error("`{key}` is no table, so `{path}` cannot be written")]
    NoTable {
        /// The key in the way.
        key: String,
        /// The key to change.
        path: String,
    },
    /// The project would not be valid afterwards.
    #[error("the change would make the project invalid")]
    Invalid(#[source] Box<project::Error>),
    /// The file cannot be written.
    #[error("the change cannot be written")]
    Unwritable(#[from] crate::journal::Error),
}

/// The text with the edits made.
///
/// # Errors
/// [`Error::Syntax`] and [`Error::NoTable`].
pub fn edited(text: &str, path: &Path, edits: &[Edit]) -> Result<String, Error> {
    let mut document: DocumentMut =
        text.parse().map_err(|error| Error::Syntax { path: path.to_owned(), source: Box::new(error) })?;
    for edit in edits {
        let Some((last, above)) = edit.path.split_last() else { continue };
        let mut table: &mut dyn TableLike = document.as_table_mut();
        for (depth, key) in above.iter().enumerate() {
            // Tables that hold nothing but tables are not written out by themselves.
            let new = || {
                let mut table = Table::new();
                table.set_implicit(depth + 1 < above.len());
                Item::Table(table)
            };
            let no_table = || Error::NoTable { key: edit.path[..=depth].join("."), path: edit.path.join(".") };
            table = table.entry(key).or_insert_with(new).as_table_like_mut().ok_or_else(no_table)?;
        }
        set(table, last, &edit.value);
    }
    Ok(document.to_string())
}

/// Exchanges a value and keeps what stands around it: a comment behind it, the space before it.
fn set(table: &mut dyn TableLike, key: &str, value: &Value) {
    let mut new = value.clone();
    if let Some(old) = table.get(key).and_then(Item::as_value) {
        *new.decor_mut() = old.decor().clone();
    }
    match table.get_mut(key) {
        Some(item) => *item = Item::Value(new),
        None => {
            table.insert(key, Item::Value(new));
        }
    }
}

/// Reads the project's file, makes the edits, makes sure that the project is still valid, and writes the file. Returns
/// its path.
///
/// # Errors
/// Any of [`Error`]; the file is then as it was.
pub fn apply(project: &Project, edits: &[Edit]) -> Result<PathBuf, Error> {
    let (path, text) = read(project)?;
    let new = edited(&text, &path, edits)?;
    write(project, &path, &new)?;
    Ok(path)
}

/// The project's file and its text.
///
/// # Errors
/// When there is none, or it cannot be read.
pub fn read(project: &Project) -> Result<(PathBuf, String), Error> {
    let Origin::File(path) = &project.origin else { return Err(Error::BuiltIn) };
    match std::fs::read_to_string(path) {
        Ok(text) => Ok((path.clone(), text)),
        Err(source) => Err(Error::Unreadable { path: path.clone(), source }),
    }
}

/// Whether the project is valid with a new text of its file.
///
/// # Errors
/// [`Error::Invalid`].
pub fn check(project: &Project, path: &Path, text: &str) -> Result<(), Error> {
    match Project::parse(text, path, &project.dir, project.env.as_deref()) {
        Ok(_) => Ok(()),
        Err(error) => Err(Error::Invalid(Box::new(error))),
    }
}

/// Writes a new text of the project's file, if the project is valid with it.
///
/// # Errors
/// [`Error::Invalid`] and [`Error::Unwritable`].
pub fn write(project: &Project, path: &Path, text: &str) -> Result<(), Error> {
    check(project, path, text)?;
    Ok(atomic::write(path, text.as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(text: &str, edits: &[(&str, &str)]) -> Result<String, Error> {
        let edits: Vec<Edit> = edits
            .iter()
            .map(|(path, value)| Edit { path: path.split('.').map(str::to_owned).collect(), value: (*value).into() })
            .collect();
        edited(text, Path::new("wildcam.toml"), &edits)
    }

    #[test]
    fn comments_order_and_everything_else_stay() {
        let text = "# head\n[project] # p\nname = 'x'   # the name\n\n[deploy.images]\naws = \"old\"   # pushed by hand\n\n# tail\n";
        let new = after(text, &[("deploy.images.aws", "new"), ("deploy.images.gcp", "other")]).unwrap();
        insta::assert_snapshot!(new, @r#"
        # head
        [project] # p
        name = 'x'   # the name

        [deploy.images]
        aws = "new"   # pushed by hand
        gcp = "other"

        # tail
        "#);
    }

    #[test]
    fn tables_are_made_where_there_are_none() {
        let new = after("[project]\nname = 'x'\n", &[("deploy.images.aws", "a"), ("ci.github", "o/n")]).unwrap();
        assert_eq!(new, "[project]\nname = 'x'\n\n[deploy.images]\naws = \"a\"\n\n[ci]\ngithub = \"o/n\"\n");
        let inline =
            after("deploy = { images = { aws = \"a\" } } # one line\n", &[("deploy.images.gcp", "g")]).unwrap();
        assert_eq!(inline, "deploy = { images = { aws = \"a\" , gcp = \"g\" } } # one line\n");
    }

    #[test]
    fn what_is_no_table_is_named() {
        let error = after("deploy = 1\n", &[("deploy.images.aws", "a")]).unwrap_err();
        assert_eq!(error.to_string(), "`deploy` is no table, so `deploy.images.aws` cannot be written");
        assert!(matches!(after("= 1", &[("a", "b")]), Err(Error::Syntax { .. })));
    }

    #[test]
    fn a_change_that_breaks_the_project_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wildcam.toml");
        let text = "[project]\nname = 'x'\n[clouds.a]\nprovider = 'custom'\nstore = { path = 'a' }\n";
        std::fs::write(&path, text).unwrap();
        let project = Project::load(folder.path(), None).unwrap();
        let edit =
            |key: &str, value: &str| Edit { path: vec!["project".to_owned(), key.to_owned()], value: value.into() };
        assert!(matches!(apply(&project, &[edit("name", "NOT A NAME")]), Err(Error::Invalid(_))));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        apply(&project, &[edit("name", "y")]).unwrap();
        assert_eq!(Project::load(folder.path(), None).unwrap().settings.project.name, "y");
    }
}
