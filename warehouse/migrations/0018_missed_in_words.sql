-- A miss as people would say it, for the sentences of a report.

alter table core.rules add column missed varchar default '';
comment on column core.rules.missed is 'A miss as people would say it of the agent: “told the customer to calm down”; empty where the rule does not say.';
