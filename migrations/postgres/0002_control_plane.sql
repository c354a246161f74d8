-- The control plane: people and keys, notes on calls, tasks, the audit, outgoing webhooks, idempotency.
-- Conventions are those of 0001.

-- Raised by every change of a row; what ETag and If-Match compare.
alter table tenants add column revision bigint not null default 1;
alter table agents add column revision bigint not null default 1;
alter table campaigns add column revision bigint not null default 1;
alter table phone_numbers add column revision bigint not null default 1;
alter table platform_trunks add column revision bigint not null default 1;
-- The trunk that outbound calls of the campaign go out on.
alter table campaigns add column sip_trunk_id text;

-- A tenant may have a hundred thousand numbers: they are listed newest first, and by campaign.
drop index phone_numbers_tenant;
create index phone_numbers_listed on phone_numbers (tenant_id, created_at, id);
create index phone_numbers_campaign on phone_numbers (campaign_id, number) where archived_at is null;

-- ---------------------------------------------------------------------------------------------- people and keys

create table users (
    id text primary key,
    tenant_id text,
    email text not null,
    name text not null,
    role text not null check (role in ('admin', 'owner', 'operator', 'viewer')),
    password_hash text not null,
    active boolean not null,
    last_login_at bigint,
    revision bigint not null,
    created_at bigint not null,
    updated_at bigint not null,
    archived_at bigint
);
create unique index users_email on users (email) where archived_at is null;
create index users_tenant on users (tenant_id, id);

-- A sign-in: the family of its refresh tokens.
create table sessions (
    id text primary key,
    user_id text not null,
    created_at bigint not null,
    expires_at bigint not null,
    ended_at bigint,
    end_reason text
);
create index sessions_user on sessions (user_id);
create index sessions_expiry on sessions (expires_at);

-- Only hashes. One that comes again after it was used ends its session.
create table refresh_tokens (
    hash text primary key,
    session_id text not null,
    issued_at bigint not null,
    expires_at bigint not null,
    used_at bigint
);
create index refresh_tokens_session on refresh_tokens (session_id);
create index refresh_tokens_expiry on refresh_tokens (expires_at);

create table api_keys (
    id text primary key,
    tenant_id text,
    name text not null,
    role text not null check (role in ('admin', 'owner', 'operator', 'viewer')),
    hint text not null,
    hash text not null,
    created_by text not null,
    expires_at bigint,
    last_used_at bigint,
    revoked_at bigint,
    revision bigint not null,
    created_at bigint not null,
    updated_at bigint not null
);
create unique index api_keys_hash on api_keys (hash);
create index api_keys_tenant on api_keys (tenant_id, id);

-- Failed sign-ins, counted per subject: an address, an account, both together. Subjects are hashed.
create table login_failures (
    subject text primary key,
    failures bigint not null,
    first_at bigint not null,
    last_at bigint not null
);
create index login_failures_last on login_failures (last_at);

-- Where an account was signed in to before: a stranger's guessing does not keep its owner out there. Addresses are
-- hashed.
create table known_addresses (
    user_id text not null,
    address text not null,
    seen_at bigint not null,
    primary key (user_id, address)
);
create index known_addresses_seen on known_addresses (seen_at);

-- What is generated once and shared by all replicas, such as the key that signs access tokens.
create table secrets (
    name text primary key,
    value text not null,
    created_at bigint not null
);

-- ---------------------------------------------------------------------------------------------- the API's own

-- The answer to a create, to be given again to the same request with the same key. Without secrets.
create table idempotency_keys (
    scope text not null,
    key text not null,
    fingerprint text not null,
    status bigint not null,
    location text,
    etag text,
    body text not null,
    created_at bigint not null,
    primary key (scope, key)
);
create index idempotency_keys_created on idempotency_keys (created_at);

-- Who changed what. Rows are added and never changed, but for an erasure, which blanks what is personal.
create table audit (
    id text primary key,
    tenant_id text,
    at bigint not null,
    actor_kind text not null check (actor_kind in ('user', 'key', 'command_line', 'apply', 'system')),
    actor_id text,
    actor_name text not null,
    action text not null,
    subject_kind text not null,
    subject_id text not null,
    before text,
    after text,
    request_id text,
    address text,
    erased_at bigint
);
create index audit_tenant on audit (tenant_id, id);
create index audit_subject on audit (subject_id, id);
create index audit_actor on audit (actor_id, id) where actor_id is not null;
create index audit_request on audit (request_id) where request_id is not null;

-- An update may blank what is personal in an entry, say that it did, and nothing else.
create function audit_refuses() returns trigger language plpgsql as $$
begin
    raise exception 'the audit is append-only: an entry can only be blanked';
end
$$;
create trigger audit_is_kept before delete on audit for each row execute function audit_refuses();
create trigger audit_is_not_emptied before truncate on audit for each statement execute function audit_refuses();
create trigger audit_is_not_rewritten before update on audit for each row
when (new.erased_at is null or new.id <> old.id or new.at <> old.at
    or new.tenant_id is distinct from old.tenant_id or new.actor_kind <> old.actor_kind
    or new.actor_id is distinct from old.actor_id or new.action <> old.action
    or new.subject_kind <> old.subject_kind or new.subject_id <> old.subject_id
    or new.request_id is distinct from old.request_id or (old.before is null and new.before is not null)
    or (old.after is null and new.after is not null) or (old.address is null and new.address is not null))
execute function audit_refuses();

-- ---------------------------------------------------------------------------------------------- calls and leads

-- What people and agents add to a call. Nothing of it is written while it rings.
alter table calls add column decided_at bigint;
alter table calls add column note text;
alter table calls add column tags text;
alter table calls add column outcome text;
alter table calls add column analysis text;
alter table calls add column erased_at bigint;

-- Lists of calls go by (rang_at, id), newest first. A ring pays for the two indexes by time and for the small one of
-- open calls; everything else that a list may begin with is written once, when the call ends. A list by any of it is
-- the open calls that fit, and then the ended ones. The tenant is in all of them: what is asked of another tenant's
-- number is nothing, and takes no longer than what is asked of none.
drop index calls_tenant;
drop index calls_open_tenant;
-- The planner takes a range of times for narrow and its rows for neighbours, and would go through all calls by time to
-- find the few of one campaign. By an expression that only what goes by time has, it cannot.
create index calls_time on calls ((rang_at + 0), id);
create index calls_time_tenant on calls (tenant_id, (rang_at + 0), id);
create index calls_open_tenant on calls (tenant_id, rang_at, id) where ended_at is null;
create index calls_number on calls (number_id, tenant_id, rang_at, id) where ended_at is not null;
create index calls_called on calls (called, tenant_id, rang_at, id) where ended_at is not null;
create index calls_caller on calls (caller, tenant_id, rang_at, id) where ended_at is not null;
create index calls_campaign on calls (campaign_id, tenant_id, rang_at, id) where ended_at is not null;
create index calls_lead on calls (lead_id, tenant_id, rang_at, id) where ended_at is not null;
create index calls_agent on calls (tenant_id, agent, rang_at, id) where ended_at is not null;
create index calls_status on calls (tenant_id, status, rang_at, id) where ended_at is not null;
create index calls_end_reason on calls (tenant_id, end_reason, rang_at, id) where ended_at is not null;
-- Everything that analytics add up, so that they need not look at the calls themselves; also what makes it theirs: a
-- call has an end reason when it has ended.
create index calls_figures on calls (tenant_id, (rang_at + 0))
    include (rang_at, end_reason, answered_at, duration, decided_at, number_id, campaign_id, agent)
    where end_reason is not null;

-- The tags of calls, in the order of lists. A call without a tenant may have some too.
create table call_tags (
    call_id text not null,
    tag text not null,
    tenant_id text,
    rang_at bigint not null,
    primary key (call_id, tag)
);
create index call_tags_tag on call_tags (tag, tenant_id, rang_at, call_id);

alter table leads add column merged_into text;
alter table leads add column erased_at bigint;
create index leads_campaign on leads (campaign_id, id) where campaign_id is not null;
create index leads_number on leads (tenant_id, phone_number);
create index leads_merged on leads (merged_into) where merged_into is not null;

create table lead_notes (
    id text primary key,
    tenant_id text not null,
    lead_id text not null,
    body text not null,
    author text not null,
    created_at bigint not null
);
create index lead_notes_lead on lead_notes (lead_id, id);
create index lead_notes_tenant on lead_notes (tenant_id, id);

create table tasks (
    id text primary key,
    tenant_id text not null,
    lead_id text not null,
    call_id text,
    kind text not null check (kind in ('call_back', 'other')),
    title text not null,
    status text not null check (status in ('open', 'snoozed', 'done')),
    due_at bigint not null,
    snoozed_until bigint,
    done_at bigint,
    created_by text not null,
    revision bigint not null,
    created_at bigint not null,
    updated_at bigint not null
);
create index tasks_tenant on tasks (tenant_id, status, due_at, id);
create index tasks_newest on tasks (tenant_id, id);
create index tasks_lead on tasks (lead_id, id);
-- However often a caller is missed: one call back is to be made.
create unique index tasks_call_back on tasks (lead_id) where kind = 'call_back' and status <> 'done';

-- What was erased, without saying whom.
create table erasures (
    id text primary key,
    tenant_id text not null,
    at bigint not null,
    requested_by text not null,
    erased text not null
);
create index erasures_tenant on erasures (tenant_id, id);

-- ---------------------------------------------------------------------------------------------- outgoing webhooks

-- Where a reader of `changes` has got to, and the newest change that was forgotten. `transaction_id` is 0 on SQLite.
create table positions (
    name text primary key,
    transaction_id bigint not null,
    seq bigint not null
);

create table webhook_endpoints (
    id text primary key,
    tenant_id text not null,
    url text not null,
    description text not null,
    events text not null,
    status text not null check (status in ('enabled', 'disabled')),
    disabled_at bigint,
    disabled_reason text,
    secret text not null,
    previous_secret text,
    previous_secret_until bigint,
    -- The newest change when it was made: it is told of those after it.
    since_transaction bigint not null,
    since_seq bigint not null,
    revision bigint not null,
    created_at bigint not null,
    updated_at bigint not null,
    archived_at bigint
);
create index webhook_endpoints_tenant on webhook_endpoints (tenant_id, id);
create index webhook_endpoints_enabled on webhook_endpoints (tenant_id, id)
    where status = 'enabled' and archived_at is null;

-- What is told to the outside, as it is told: the same words to every endpoint and at every try.
create table webhook_events (
    id text primary key,
    tenant_id text not null,
    type text not null,
    subject_id text not null,
    body text not null,
    created_at bigint not null,
    erased_at bigint
);
create index webhook_events_tenant on webhook_events (tenant_id, id);
create index webhook_events_subject on webhook_events (subject_id);

-- One event for one endpoint. Of those with the same endpoint and order key only the oldest that is not over has a
-- due_at: the next gets its own when that one is over, so that a call's events arrive in order. Oldest is the least
-- id. While holder is set, due_at is when its lease runs out. Those of an endpoint that is switched off keep theirs and
-- are not looked at.
create table deliveries (
    id text primary key,
    tenant_id text not null,
    endpoint_id text not null,
    event_id text not null,
    event_type text not null,
    order_key text not null,
    status text not null check (status in ('pending', 'delivered', 'failed', 'cancelled')),
    due_at bigint,
    holder text,
    attempts bigint not null,
    first_tried_at bigint,
    last_tried_at bigint,
    response_status bigint,
    error text,
    delivered_at bigint,
    created_at bigint not null
);
create index deliveries_due on deliveries (endpoint_id, due_at) where due_at is not null;
create index deliveries_pending on deliveries (endpoint_id, order_key, id) where status = 'pending';
create index deliveries_endpoint on deliveries (endpoint_id, id);
create index deliveries_event on deliveries (event_id);

create table delivery_attempts (
    delivery_id text not null,
    attempt bigint not null,
    at bigint not null,
    response_status bigint,
    error text,
    response text,
    took_ms bigint not null,
    primary key (delivery_id, attempt)
);

-- ---------------------------------------------------------------------------------------------- the outbox

-- What the change means to the outside: the words of webhook events, separated by spaces.
alter table changes add column events text;
-- Transactions commit in another order than their numbers in seq were given: readers go by this order, below the
-- oldest transaction that still runs.
create index changes_order on changes (transaction_id, seq);
drop index changes_routing;
create index changes_routing on changes (transaction_id, seq) where kind = 'routing';
