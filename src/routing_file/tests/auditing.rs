//! What applying a file leaves in the audit.

use serde_json::{Value, json};

use super::applying::ACME;
use super::*;

/// An entry of the audit: actor, tenant, action and subject in one text, then before and after.
type Entry = (String, Value, Value);

impl Fresh {
    /// The entries of the audit, by action and subject.
    async fn entries(&self) -> Vec<Entry> {
        let sql = "select actor_kind, actor_name, tenant_id, action, subject_kind, subject_id, before, after
                   from audit order by action, subject_id, tenant_id";
        let read = self.db.read(move |tx| {
            tx.all(sql, &[], |row| {
                let text = |name| row.get::<String>(name);
                let json = |name| -> db::Result<Value> {
                    Ok(row.get::<Option<db::Json<Value>>>(name)?.map_or(Value::Null, |json| json.0))
                };
                let words = ["actor_kind", "actor_name", "tenant_id", "action", "subject_kind", "subject_id"];
                let words = words.map(text).into_iter().collect::<db::Result<Vec<_>>>()?.join(" ");
                Ok((words, json("before")?, json("after")?))
            })
        });
        read.await.unwrap()
    }

    /// The entries that applying this adds.
    async fn noted(&self, text: &str, prune: bool) -> Vec<Entry> {
        let before = self.entries().await;
        if prune {
            self.prune(text).await
        } else {
            self.apply(text).await
        };
        let mut added = self.entries().await;
        added.retain(|entry| !before.contains(entry));
        added
    }

    async fn revisions(&self) -> Vec<(String, i64)> {
        let sql = "select id, revision from (
                       select id, revision from tenants union all select id, revision from agents
                       union all select id, revision from campaigns
                       union all select id, revision from phone_numbers
                       union all select id, revision from platform_trunks) as rows order by id";
        let read = self.db.read(move |tx| tx.all(sql, &[], |row| Ok((row.get("id")?, row.get("revision")?))));
        read.await.unwrap()
    }
}

fn words(entries: &[Entry]) -> Vec<&str> {
    entries.iter().map(|(words, ..)| words.as_str()).collect()
}

#[tokio::test]
async fn every_row_that_changes_leaves_an_entry_in_the_words_of_the_api() {
    for fresh in Fresh::both().await {
        let made = fresh.noted(ACME, false).await;
        assert_eq!(
            words(&made),
            [
                "apply apply acme agent.created agent agt-desk",
                "apply apply acme agent.created agent agt-phone",
                "apply apply acme campaign.created campaign cmp-new",
                "apply apply acme phone_number.created phone_number num-1",
                "apply apply acme tenant.created tenant acme",
                "apply apply acme trunk.created trunk trk-1",
            ]
        );
        assert!(made.iter().all(|(_, before, after)| before.is_null() && after.is_object()));
        let campaign = json!({
            "id": "cmp-new", "tenantId": "acme", "name": "New patients", "status": "active",
            "agentId": "agt-phone", "agentName": "telephony-agent", "fallbackAgentId": "agt-desk",
            "fallbackAgentName": "reception", "sipTrunkId": "ST_out", "maxConcurrent": 3,
        });
        assert_eq!(made[2].2, campaign);
        assert_eq!(
            made[3].2,
            json!({
                "id": "num-1", "tenantId": "acme", "number": "+14155550123", "type": "LOCAL",
                "provider": "TWILIO", "providerSid": "PN1", "capabilities": null, "campaignId": "cmp-new",
                "livekitTrunkId": null, "isActive": true, "purchasedAt": null, "metadata": {},
            })
        );
        assert!(fresh.noted(ACME, false).await.is_empty(), "what is as the file says leaves nothing");

        let paused = "[[tenant]]\nname = 'Acme Dental'\n[[tenant.campaign]]\nname = 'New patients'\nstatus = 'paused'\n";
        let changed = fresh.noted(paused, false).await;
        assert_eq!(words(&changed), ["apply apply acme campaign.updated campaign cmp-new"]);
        let (_, before, after) = &changed[0];
        assert_eq!((before, &after["status"]), (&campaign, &json!("paused")));

        let without = "[[tenant]]\nname = 'Acme Dental'\ndefault_agent = ''\n";
        let gone = fresh.noted(without, true).await;
        assert_eq!(
            words(&gone),
            [
                "apply apply acme agent.archived agent agt-desk",
                "apply apply acme agent.archived agent agt-phone",
                "apply apply acme campaign.archived campaign cmp-new",
                "apply apply acme phone_number.archived phone_number num-1",
                "apply apply acme tenant.updated tenant acme",
                "apply apply acme trunk.archived trunk trk-1",
            ]
        );
        assert!(gone.iter().all(|(_, before, _)| before.is_object()));
        assert_eq!((&gone[2].1["agentName"], &gone[2].2), (&json!("telephony-agent"), &Value::Null));

        let back = fresh.noted(ACME, false).await;
        assert_eq!(words(&back)[0], "apply apply acme agent.revived agent agt-desk");
        assert_eq!(back.len(), 6);
    }
}

#[tokio::test]
async fn of_a_number_that_moves_each_tenant_has_its_own_half() {
    for fresh in Fresh::both().await {
        fresh.apply(ACME).await;
        let moved = "[[tenant]]\nname = 'Other'\nid = 'other'\n[[tenant.number]]\nnumber = '+14155550123'\n";
        let moved = fresh.noted(moved, false).await;
        let [from, to, _] = &moved[..] else { panic!("{moved:?}") };
        assert_eq!(from.0, "apply apply acme phone_number.moved phone_number num-1");
        assert_eq!((&from.1["campaignId"], &from.2), (&json!("cmp-new"), &Value::Null));
        assert_eq!(to.0, "apply apply other phone_number.moved phone_number num-1");
        assert_eq!((&to.1, &to.2["tenantId"]), (&Value::Null, &json!("other")));
        assert!(!to.2.to_string().contains("acme") && !to.2.to_string().contains("cmp-new"));
    }
}

#[tokio::test]
async fn only_rows_that_change_get_a_new_revision_and_that_once() {
    for fresh in Fresh::both().await {
        fresh.apply(ACME).await;
        let at_first = fresh.revisions().await;
        assert!(at_first.iter().all(|(_, revision)| *revision == 1), "{at_first:?}");
        fresh.apply(ACME).await;
        assert_eq!(fresh.revisions().await, at_first);
        let renamed =
            "[[tenant]]\nid = 'acme'\nname = 'Acme'\n[[tenant.agent]]\nid = 'agt-desk'\nname = 'desk'\n";
        fresh.apply(renamed).await;
        let changed: Vec<_> =
            fresh.revisions().await.into_iter().filter(|(_, revision)| *revision != 1).collect();
        assert_eq!(changed, [("acme".to_owned(), 2), ("agt-desk".to_owned(), 2)]);
        assert!(fresh.noted(ACME, true).await.iter().all(|(words, ..)| words.contains(".updated")));
    }
}

#[tokio::test]
async fn a_dry_run_and_a_file_with_mistakes_leave_nothing() {
    for fresh in Fresh::both().await {
        fresh.try_apply(ACME, |options| options.dry_run = true).await.unwrap();
        fresh.mistakes(&format!("{ACME}\n[[tenant.agent]]\nname = ''\n")).await;
        assert!(fresh.entries().await.is_empty());
    }
}

#[tokio::test]
async fn what_is_kept_with_a_number_stays_when_a_file_changes_it() {
    for fresh in Fresh::both().await {
        fresh.apply(ACME).await;
        let bought = "update phone_numbers set purchased_at = $1, metadata = $2";
        let metadata = json!({"capabilities": {"voice": true}});
        fresh.db.write(move |tx| tx.execute(bought, &[&NOON, &db::Json(&metadata)])).await.unwrap();
        let off =
            "[[tenant]]\nname = 'Acme Dental'\n[[tenant.number]]\nnumber = '+14155550123'\nactive = false\n";
        let noted = fresh.noted(off, false).await;
        let (_, before, after) = &noted[0];
        assert_eq!((&before["isActive"], &after["isActive"]), (&json!(true), &json!(false)));
        for field in ["purchasedAt", "metadata"] {
            assert!(!before[field].is_null() && before[field] == after[field], "{field}: {after}");
        }
    }
}
