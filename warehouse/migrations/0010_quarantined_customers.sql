-- A file that could not be audited may still be known to be a customer's, who can ask for it to be forgotten.

alter table core.quarantine add column customer_id varchar;
