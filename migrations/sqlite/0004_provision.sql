-- What `provision` set up at Twilio and LiveKit for a trunk. Conventions are those of 0001.

-- Kept for as long as there is anything of it: `destroy` takes it away last.
create table provisioned (
    trunk_id text primary key,
    tenant_id text not null,
    -- The Twilio account that it is in: the settings may name another one later.
    account text not null,
    -- Stands in the names of what was made, so that it is found again when an answer was lost.
    marker text not null,
    -- How it was asked for, as JSON.
    options text not null,
    -- What the trunk named before, as JSON.
    named_before text not null,
    began_at bigint not null,
    -- Null: an apply began, and none has come to its end yet.
    applied_at bigint,
    -- When it was last compared with both sides, and the differences then as JSON; null: there were none.
    looked_at bigint,
    drift text
);
create index provisioned_tenant on provisioned (tenant_id);

-- Its parts at both sides, each noted before it is changed for the first time.
create table provisioned_parts (
    trunk_id text not null,
    kind text not null,
    id text not null,
    -- Made by us; else it was there.
    made integer not null,
    -- What it was, as JSON; for what was made, what it is for.
    before text,
    noted_at bigint not null,
    primary key (trunk_id, kind, id)
) without rowid;
