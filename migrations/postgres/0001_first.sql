-- The first schema. Ids are prefixed UUIDv7 text (given ones are kept), times are microseconds since 1970 UTC,
-- JSON is text that is stored and never queried into. Configuration rows are archived, never deleted; calls hold
-- no foreign key to them.

create table tenants (
    id text primary key,
    name text not null,
    active boolean not null,
    region text not null,
    time_zone text not null,
    default_agent_id text,
    max_concurrent bigint,
    created_at bigint not null,
    updated_at bigint not null,
    archived_at bigint
);
create unique index tenants_name on tenants (name) where archived_at is null;

create table agents (
    id text primary key,
    tenant_id text not null references tenants (id),
    name text not null,
    active boolean not null,
    created_at bigint not null,
    updated_at bigint not null,
    archived_at bigint
);
create unique index agents_name on agents (tenant_id, name) where archived_at is null;

create table campaigns (
    id text primary key,
    tenant_id text not null references tenants (id),
    name text not null,
    status text not null check (status in ('active', 'paused')),
    agent_id text,
    fallback_agent_id text,
    max_concurrent bigint,
    created_at bigint not null,
    updated_at bigint not null,
    archived_at bigint
);
create unique index campaigns_name on campaigns (tenant_id, name) where archived_at is null;

create table phone_numbers (
    id text primary key,
    tenant_id text not null references tenants (id),
    number text not null,
    type text not null check (type in ('LOCAL', 'TOLL_FREE', 'MOBILE')),
    provider text not null check (provider in ('TWILIO', 'LIVEKIT', 'OTHER')),
    provider_sid text,
    campaign_id text,
    livekit_trunk_id text,
    active boolean not null,
    purchased_at bigint,
    metadata text not null,
    created_at bigint not null,
    updated_at bigint not null,
    archived_at bigint
);
create unique index phone_numbers_number on phone_numbers (number) where archived_at is null;
create index phone_numbers_tenant on phone_numbers (tenant_id);

create table platform_trunks (
    id text primary key,
    tenant_id text not null references tenants (id),
    project text not null,
    name text not null,
    twilio_trunk_sid text,
    livekit_trunk_id text,
    active boolean not null,
    created_at bigint not null,
    updated_at bigint not null,
    archived_at bigint
);
create unique index platform_trunks_name on platform_trunks (tenant_id, name) where archived_at is null;

-- One record per caller: of a campaign, or of the tenant where there is no campaign (scope is the id of either).
create table leads (
    id text primary key,
    tenant_id text not null,
    campaign_id text,
    scope text not null,
    phone_number text not null,
    name text not null,
    status text not null,
    attempts bigint not null,
    last_call_at bigint not null,
    last_call_id text not null,
    metadata text not null,
    revision bigint not null,
    created_at bigint not null,
    updated_at bigint not null,
    unique (scope, phone_number)
);
create index leads_tenant on leads (tenant_id, id);

create table calls (
    id text primary key,
    project text not null,
    tenant_id text,
    campaign_id text,
    number_id text,
    lead_id text,
    call_sid text,
    room_name text,
    room_sid text,
    caller text,
    called text,
    agent text,
    status text not null,
    end_reason text,
    rang_at bigint not null,
    answered_at bigint,
    ended_at bigint,
    duration bigint,
    revision bigint not null,
    ring text not null,
    evidence text not null,
    decision text,
    attendance text not null,
    created_at bigint not null,
    updated_at bigint not null
);
create index calls_tenant on calls (tenant_id, id);
create index calls_room on calls (room_name);
create index calls_room_sid on calls (room_sid) where room_sid is not null;
create index calls_open_tenant on calls (tenant_id) where ended_at is null;
create index calls_open_campaign on calls (campaign_id) where ended_at is null;

-- Every name a call has.
create table call_keys (
    project text not null,
    kind text not null,
    value text not null,
    call_id text not null,
    primary key (project, kind, value)
);

-- What was heard: the inbox. The only place that keeps a webhook as it came, less LiveKit's secrets.
create table facts (
    project text not null,
    id text not null,
    call_id text,
    room_sid text,
    happened_at bigint not null,
    received_at bigint not null,
    said text,
    body text not null,
    primary key (project, id)
);
create index facts_call on facts (call_id) where call_id is not null;
create index facts_waiting on facts (room_sid) where call_id is null and room_sid is not null;
create index facts_received on facts (received_at);

-- Work that outlives a request. Due at due_at; while holder is set that is when its lease runs out.
create table jobs (
    kind text not null,
    subject text not null,
    due_at bigint not null,
    holder text,
    version bigint not null,
    failures bigint not null,
    primary key (kind, subject)
);
create index jobs_due on jobs (due_at);

-- Changes in commit order, for whoever follows: calls, leads, routing. On PostgreSQL numbers are given before the
-- commit, so a reader stops below the oldest transaction that still runs (see db/changes.rs).
create table changes (
    seq bigint generated always as identity primary key,
    tenant_id text,
    kind text not null,
    subject text not null,
    revision bigint not null,
    version bigint not null,
    changed_at bigint not null,
    transaction_id xid8 not null default pg_current_xact_id()
);
create index changes_routing on changes (seq) where kind = 'routing';

-- One replica at a time does what one is enough for.
create table leases (
    name text primary key,
    holder text not null,
    until bigint not null
);
