//! What the first tenant's programs sign in with.

use crate::fill::{NOW, Target};

/// The key itself.
const KEY: &str = "swb_bench-key-that-only-benchmarks-know";
/// The tenant it is of.
pub(crate) const TENANT: &str = "tnt_0";

/// The header that shows it.
pub(crate) fn header() -> String {
    format!("authorization: Bearer {KEY}")
}

/// Puts it into a database, as an owner's.
pub(crate) fn fill(target: &mut Target) -> anyhow::Result<()> {
    let columns = "api_keys (id, tenant_id, name, role, hint, hash, created_by, last_used_at, revision, created_at, \
                   updated_at)";
    target.rows(columns, 1, |_| {
        let hash = switchboard::auth::keys::hash(KEY);
        // Used far in the future: it is not noted again and again.
        let used = NOW * 2;
        format!(
            "('key_bench', '{TENANT}', 'bench', 'owner', 'swb_bench…', '{hash}', 'bench', {used}, 1, {NOW}, {NOW})"
        )
    })
}
