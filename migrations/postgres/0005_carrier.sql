-- The carrier's side of the ledger.

-- What the carrier says of a call (its name there, status, times, seconds, price): JSON, for lists; the same is in
-- evidence.
alter table calls add column carrier text;

-- How far the calls of an account at the carrier have been compared with ours. What is below sweep_below and not
-- before sweep_since is still to be looked at, when a round was cut short.
create table carrier_places (
    account text primary key,
    began_at bigint not null,
    settled_until bigint not null,
    looked_back_at bigint not null,
    sweep_since bigint,
    sweep_top bigint,
    sweep_below bigint,
    updated_at bigint not null
);
