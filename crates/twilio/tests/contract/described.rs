//! The one thing that Prism passes over: parameters that Twilio does not have.

use std::fs;
use std::path::Path;

use serde_json::Value;
use twilio::fake::Seen;

/// Twilio's descriptions of its APIs.
pub(crate) struct Described(Vec<Value>);

impl Described {
    pub(crate) fn read(contract: &Path) -> Self {
        let read = |name: &str| {
            let text = fs::read(contract.join(format!("twilio_{name}.json"))).expect("a description");
            serde_json::from_slice(&text).expect("JSON")
        };
        Self(["api_v2010", "trunking_v1", "monitor_v1"].map(read).into())
    }

    /// Every parameter of the request is in Twilio's description.
    pub(crate) fn check(&self, seen: &Seen) {
        let paths = self.0.iter().filter_map(|description| description["paths"].as_object()).flatten();
        let mut fitting: Vec<_> = paths.filter(|(template, _)| fits(template, &seen.path)).collect();
        // `/Local.json` fits `/{Sid}.json` as well.
        fitting.sort_by_key(|(template, _)| template.matches('{').count());
        let (template, path) = fitting.first().unwrap_or_else(|| panic!("{} is not described", seen.path));
        let operation = &path[seen.method.to_lowercase()];
        assert!(operation.is_object(), "{} {template} is not described", seen.method);
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let query: Vec<&str> = parameters.filter_map(|parameter| parameter["name"].as_str()).collect();
        for (name, _) in &seen.query {
            assert!(query.contains(&name.as_str()), "{name} is not of {template}");
        }
        let form =
            &operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]["properties"];
        for (name, _) in &seen.form {
            assert!(form.get(name).is_some(), "{name} is not of {template}");
        }
    }
}

fn fits(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    let one = |(template, path): (&&str, &&str)| match template.split_once('}') {
        Some((_, end)) => path.ends_with(end),
        None => template == path,
    };
    template.len() == path.len() && template.iter().zip(&path).all(one)
}
