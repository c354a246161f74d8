//! What setting a trunk up is done with, and which trunk is meant.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::app::App;
use crate::call::routing::Routing;
use crate::clock::Clock;
use crate::config::{Config, LiveKitConfig};
use crate::db::configuration::{self, Trunk};
use crate::db::resources::{Part, trunks};
use crate::db::{self, Db, Tx, provisioned};
use crate::ids::{TenantId, TrunkId};

use super::desired::{Around, Desired, desired, numbers_of};
use super::error::{Error, Result};
use super::record::{Asked, Chosen, Named, Record, new_marker};

/// What the settings say of it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// From one look for changes by hand to the next.
    pub drift_every: Duration,
    /// When a caller whom nobody answered is given up.
    pub give_up_after: Duration,
    /// The LiveKit projects, by name.
    pub projects: BTreeMap<String, Project>,
    /// From something that may pass to the next look: what was made a moment ago may take one to be seen.
    pub pause: Duration,
}

/// What the settings say of a LiveKit project.
#[derive(Clone, Debug)]
pub struct Project {
    /// Where a carrier sends calls for it.
    pub sip_uri: Option<String>,
    /// Whether it is at LiveKit Cloud.
    pub on_cloud: bool,
}

impl Settings {
    /// As configured.
    pub fn of(config: &Config) -> Settings {
        let project = |one: &LiveKitConfig| {
            let url = one.url.as_deref().and_then(|url| url::Url::parse(url).ok());
            let host = url.as_ref().and_then(url::Url::host_str);
            let on_cloud = host.is_some_and(|host| host.ends_with(".livekit.cloud"));
            (one.project.clone(), Project { sip_uri: one.sip_uri.clone(), on_cloud })
        };
        Settings {
            drift_every: config.provision.drift_every,
            give_up_after: config.calls.give_up_after,
            projects: config.livekit.iter().map(project).collect(),
            pause: Duration::from_millis(500),
        }
    }
}

/// What it is done with.
#[derive(Clone)]
pub struct Means {
    /// The database.
    pub db: Db,
    /// The settings.
    pub settings: Settings,
    /// The Twilio account.
    pub twilio: twilio::Client,
    /// The trunk's LiveKit project.
    pub livekit: livekit::Client,
    /// Who answers which number.
    pub routing: Arc<Routing>,
    /// The time.
    pub clock: Clock,
}

impl Means {
    /// Those of a running server, for a trunk of this project.
    ///
    /// # Errors
    /// Where there is no Twilio account or the project cannot be asked, saying what to set.
    pub fn of_app(app: &App, project: &str) -> Result<Means> {
        let twilio = app.twilio.clone().ok_or_else(no_twilio)?;
        let livekit = app.projects.get(project).and_then(|project| project.client.clone());
        Ok(Means {
            db: app.db.clone(),
            settings: app.provision.clone(),
            twilio,
            livekit: livekit.ok_or_else(|| {
                let what = format!("livekit.{project}.url, api_key and api_secret");
                Error::cannot(format!("LiveKit cannot be asked: set {what}"))
            })?,
            routing: app.routing(),
            clock: app.clock.clone(),
        })
    }

    /// The trunk's row, what is kept of it and what it is to be. `asked_for`: somebody chose just this trunk.
    pub(super) async fn read(&self, trunk: &TrunkId, asked: &Asked, asked_for: bool) -> Result<Known> {
        let (id, adopt) = (trunk.clone(), asked.adopt_livekit.clone());
        let rows = self.db.report(move |tx| rows(tx, &id, (adopt, asked_for))).await?;
        let Rows { trunk, record, numbers } =
            rows.ok_or_else(|| Error::cannot(format!("there is no trunk {trunk}")))?;
        if let Some(record) = &record
            && record.account != self.twilio.account_sid()
        {
            return Err(Error::cannot(format!(
                "the trunk is set up in the Twilio account {}, and the settings name {}",
                record.account,
                self.twilio.account_sid()
            )));
        }
        let project = self.settings.projects.get(&trunk.project).ok_or_else(|| {
            Error::cannot(format!(
                "the settings have no LiveKit project {:?}, which the trunk is in",
                trunk.project
            ))
        })?;
        let sip_uri = project.sip_uri.as_deref().ok_or_else(|| {
            let setting = format!("livekit.{}.sip_uri", trunk.project);
            Error::cannot(format!(
                "set {setting} to where Twilio is to send calls: LiveKit Cloud shows it under telephony (SIP URI); a \
                 livekit-sip of one's own is sip:<its public name>:5060;transport=tcp"
            ))
        })?;
        let chosen = Chosen::of(asked, record.as_ref().map(|record| &record.chosen), project.on_cloud);
        let around = Around {
            routing: &self.routing,
            sip_uri,
            give_up_after: self.settings.give_up_after,
            now: self.clock.now(),
        };
        let desired = desired(&trunk, &numbers, (asked, chosen.clone()), &around);
        let begun = record.is_some();
        let mut record = record.unwrap_or_else(|| Record {
            trunk: trunk.id.clone(),
            tenant: trunk.tenant.clone(),
            account: self.twilio.account_sid().to_owned(),
            marker: new_marker(),
            chosen: chosen.clone(),
            named_before: Named { twilio: trunk.twilio.clone(), livekit: trunk.livekit.clone() },
            applied_at: None,
            looked_at: None,
            drift: None,
            parts: Vec::new(),
        });
        let chosen_anew = record.chosen != chosen;
        record.chosen = chosen;
        Ok(Known { trunk, record, desired, begun, chosen_anew })
    }
}

/// What is known here of a trunk.
pub(super) struct Known {
    pub(super) trunk: Trunk,
    pub(super) record: Record,
    pub(super) desired: Desired,
    /// It is noted that it is being set up.
    pub(super) begun: bool,
    /// It is to be set up in another way than the last time.
    pub(super) chosen_anew: bool,
}

struct Rows {
    trunk: Trunk,
    record: Option<Record>,
    numbers: Vec<configuration::Number>,
}

fn rows(
    tx: &mut Tx<'_>,
    id: &TrunkId,
    (adopt, asked_for): (Option<String>, bool),
) -> db::Result<Option<Rows>> {
    let Some(trunk) = configuration::trunk_by_id(tx, id)? else { return Ok(None) };
    let mut others = configuration::trunks(tx, &trunk.tenant)?;
    others.retain(|other| !other.archived && other.id != trunk.id);
    let taken = provisioned::numbers_of(tx, &trunk.tenant)?;
    let numbers = configuration::numbers(tx, &trunk.tenant)?;
    // Numbers may name the trunk that is to be adopted already.
    let named = Trunk { livekit: adopt.or_else(|| trunk.livekit.clone()), ..trunk.clone() };
    let numbers = numbers_of(&named, others.is_empty(), (asked_for, &taken), numbers);
    Ok(Some(Rows { record: provisioned::find(tx, id)?, trunk, numbers }))
}

/// The trunk that is meant: by name or id, or the only one.
///
/// # Errors
/// Where it is not clear which one.
pub async fn choose(db: &Db, tenant: Option<&TenantId>, named: Option<&str>) -> Result<Trunk> {
    const MOST: i64 = 1_000;
    let part = Part { tenant: tenant.cloned(), after: None, limit: MOST };
    let (name, id) = (named.map(str::to_owned), named.map(TrunkId::from));
    let found = db
        .report(move |tx| -> db::Result<_> {
            if let Some(id) = &id
                && let Some(found) = trunks::by_id(tx, part.tenant.as_ref(), id)?
            {
                return Ok(vec![found.row]);
            }
            // One that was archived while it was set up can still be taken away.
            if let Some(id) = &id
                && let Some(found) = configuration::trunk_by_id(tx, id)?
                && part.tenant.as_ref().is_none_or(|tenant| *tenant == found.tenant)
                && provisioned::find(tx, id)?.is_some()
            {
                return Ok(vec![found]);
            }
            let found = trunks::list(tx, &part, name.as_deref(), None)?;
            Ok(found.into_iter().map(|stored| stored.row).collect())
        })
        .await?;
    let names = || found.iter().map(|trunk| format!("{:?} ({})", trunk.name, trunk.id)).collect::<Vec<_>>();
    match (found.as_slice(), named) {
        ([one], _) => Ok(one.clone()),
        ([], Some(named)) => Err(Error::cannot(format!("there is no trunk {named:?}"))),
        ([], None) => Err(Error::cannot(
            "there is no trunk yet: add one to the routing file (`[[tenant.trunk]]` with a name), and `switchboard \
             apply` it",
        )),
        (_, Some(_)) => Err(Error::cannot(format!(
            "several tenants have such a trunk: add --tenant, or give the id: {}",
            super::lines::some(&names())
        ))),
        (_, None) => Err(Error::cannot(format!("say which trunk: {}", super::lines::some(&names())))),
    }
}

/// There is no account to ask.
pub(crate) fn no_twilio() -> Error {
    Error::cannot("Twilio cannot be asked: set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN")
}
