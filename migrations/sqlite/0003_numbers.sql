-- What a provider says of a number. Conventions are those of 0001.

-- What it can do: {"voice": true, "sms": true, "mms": null, "fax": false}. Null: nobody was asked.
alter table phone_numbers add column capabilities text;
-- What it did at the provider before its calls came here (its voice URL, application, trunk), so that this can be put
-- back. It may hold passwords, which people write into URLs: it is shown nowhere.
alter table phone_numbers add column provider_before text;
