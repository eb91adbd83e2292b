-- Several recordings of one conversation (with the menu, with each agent) are calls of their own, joined by this.

alter table core.calls add column interaction_id varchar;
