-- Who serves, and what came of trying whether LiveKit reaches us.

-- Every running server, which says every some seconds that it still runs. What it refused last tells a webhook that
-- is signed by somebody else from one that never comes.
create table servers (
    id text primary key,
    host text not null,
    pid bigint not null,
    address text not null,
    version text not null,
    started_at bigint not null,
    seen_at bigint not null,
    refused_at bigint,
    refused_why text
);

-- Events of rooms that were made only to see whether they come.
create table probes (
    room text not null,
    event text not null,
    heard_at bigint not null,
    primary key (room, event)
);
create index probes_heard on probes (heard_at);
