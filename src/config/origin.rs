//! Where a value was written, so that every mistake and every setting shown can say it.

use std::fmt;
use std::path::PathBuf;

use serde::{Serialize, Serializer};

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Compiled in.
    Default,
    /// A configuration file.
    File {
        /// As it was given, or relative to the working folder.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// The file `.env` of the working folder.
    DotEnv {
        /// Counted from 1.
        line: usize,
        /// The variable.
        name: String,
    },
    /// The environment.
    Environment {
        /// The variable.
        name: String,
    },
    /// A file that holds nothing but a secret.
    SecretFile {
        /// The file.
        path: PathBuf,
        /// Where it is named.
        named_by: Box<Origin>,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File { path, line } => write!(f, "{}:{line}", path.display()),
            Origin::DotEnv { line, name } if name.is_empty() => write!(f, ".env:{line}"),
            Origin::DotEnv { line, name } => write!(f, ".env:{line} ({name})"),
            Origin::Environment { name } => write!(f, "environment ({name})"),
            Origin::SecretFile { path, named_by } => write!(f, "{}, named in {named_by}", path.display()),
        }
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
