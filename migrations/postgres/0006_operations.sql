-- Long work that somebody asked for through the API, done by whichever server takes it up. While it waits, due_at is when
-- it may begin; while holder is set, when that one's lease runs out. What is over has none.
create table operations (
    id text primary key,
    tenant_id text,
    kind text not null
        check (kind in ('campaignsCheck', 'numbersImport', 'provisionPlan', 'provisionApply', 'doctor')),
    parameters text not null,
    state text not null check (state in ('waiting', 'running', 'succeeded', 'failed', 'cancelled')),
    done bigint not null,
    total bigint,
    says text not null,
    result text,
    problem text,
    actor_kind text not null check (actor_kind in ('user', 'key', 'command_line', 'apply', 'system')),
    actor_id text,
    actor_name text not null,
    request_id text,
    address text,
    due_at bigint,
    holder text,
    starts bigint not null,
    cancel_requested_at bigint,
    revision bigint not null,
    created_at bigint not null,
    started_at bigint,
    ended_at bigint
);
-- One of a kind at once: for each tenant, and for the platform.
create unique index operations_open on operations (kind, coalesce(tenant_id, '')) where due_at is not null;
create index operations_due on operations (due_at, id) where due_at is not null;
create index operations_tenant on operations (tenant_id, id);
create index operations_ended on operations (ended_at) where ended_at is not null;
