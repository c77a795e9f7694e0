//! Mappers by name: what a command line, an environment variable or a policy file says.

use crate::error::{Error, Result};
use crate::{DefaultMapper, RandomMapper, TomlMapper};
use legate_core::mapping::Mapper;
use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Makes a mapper from the text behind the colon of its name.
type Factory = Arc<dyn Fn(Option<&str>) -> Result<Arc<dyn Mapper>> + Send + Sync>;

const BUILT_IN: [&str; 2] = ["default", "random:SEED"];

static REGISTERED: RwLock<BTreeMap<String, Factory>> = RwLock::new(BTreeMap::new());

/// The mapper of this name: `default`; `random:SEED`; the path of a policy file, which ends in `.toml`; or `NAME` or `NAME:ARGUMENT` of one
/// that is [registered](register).
///
/// # Errors
/// [`Error::UnknownMapper`], [`Error::Argument`]; of a policy file [`Error::Unreadable`] and [`Error::Invalid`].
pub fn by_name(name: &str) -> Result<Arc<dyn Mapper>> {
    if is_path(name) {
        return Ok(Arc::new(TomlMapper::from_file(name)?));
    }
    let (plain, argument) = name.split_once(':').map_or((name, None), |(plain, argument)| (plain, Some(argument)));
    match plain {
        "default" if argument.is_none() => Ok(Arc::new(DefaultMapper::new())),
        "default" => Err(unexpected(plain, argument, "it takes no argument")),
        "random" => {
            let seed = argument.and_then(|text| text.parse().ok());
            let seed = seed.ok_or_else(|| unexpected(plain, argument, "it wants a seed, as in random:7"))?;
            Ok(Arc::new(RandomMapper::new(seed)))
        }
        _ => registered(name, plain)?(argument),
    }
}

/// Gives a mapper of a plug-in a name, in this process. A library that brings a mapper calls it when it is loaded.
///
/// The factory is given what stands behind the colon in `NAME:ARGUMENT`; it answers with [`Error::Argument`] if that makes no sense.
///
/// # Errors
/// [`Error::Name`] if the name is taken, is empty, or could not be asked for.
pub fn register<F>(name: &str, factory: F) -> Result<()>
where
    F: Fn(Option<&str>) -> Result<Arc<dyn Mapper>> + Send + Sync + 'static,
{
    let wrong = |message: &str| Err(Error::Name { name: name.into(), message: message.into() });
    if name.is_empty() || name.contains(':') || is_path(name) {
        return wrong("a name is not empty, has no colon and is no path of a policy file");
    }
    let mut registered = REGISTERED.write();
    if ["default", "random"].contains(&name) || registered.contains_key(name) {
        return wrong("the name is taken");
    }
    registered.insert(name.to_owned(), Arc::new(factory));
    Ok(())
}

/// Whether a name means a policy file.
pub(crate) fn is_path(name: &str) -> bool {
    name.ends_with(".toml")
}

/// The factory is called without the lock: it may itself ask for mappers by name.
fn registered(name: &str, plain: &str) -> Result<Factory> {
    let registered = REGISTERED.read();
    registered.get(plain).cloned().ok_or_else(|| {
        let known = BUILT_IN.iter().map(|name| (*name).to_owned()).chain(registered.keys().cloned()).collect();
        Error::UnknownMapper { name: name.into(), known }
    })
}

fn unexpected(mapper: &str, argument: Option<&str>, message: &str) -> Error {
    Error::Argument { mapper: mapper.into(), argument: argument.unwrap_or_default().into(), message: message.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    fn message(name: &str) -> String {
        by_name(name).map(|mapper| mapper.name().to_owned()).unwrap_err().to_string()
    }

    #[test]
    fn mappers_have_names() {
        assert_eq!(by_name("default").unwrap().name(), "default");
        assert_eq!(by_name("random:18446744073709551615").unwrap().name(), "random:18446744073709551615");
        let folder = Folder::of(&[("p.toml", "[tunables]\na = 5\n")]);
        let path = folder.path().join("p.toml");
        assert_eq!(by_name(path.to_str().unwrap()).unwrap().tunable("a"), Some(5));
    }

    #[test]
    fn wrong_names_say_what_there_is() {
        let unknown = message("fast");
        assert!(unknown.starts_with("no mapper is called 'fast'; there are default, random:SEED"), "{unknown}");
        assert_eq!(message("default:3"), "mapper 'default' does not understand '3': it takes no argument");
        for name in ["random", "random:", "random:x", "random:-1"] {
            assert!(message(name).contains("it wants a seed"), "{name}");
        }
        assert!(message("/no/such.toml").starts_with("cannot read /no/such.toml: "));
    }

    #[test]
    fn plug_ins_register_theirs() {
        let factory = |argument: Option<&str>| by_name(argument.unwrap_or("default"));
        register("named-test", factory).unwrap();
        assert_eq!(by_name("named-test").unwrap().name(), "default");
        assert_eq!(by_name("named-test:random:3").unwrap().name(), "random:3");
        assert!(message("nobody").contains("named-test"));
        for name in ["named-test", "default", "random", "", "a:b", "a.toml"] {
            assert!(register(name, factory).is_err(), "{name}");
        }
    }
}
