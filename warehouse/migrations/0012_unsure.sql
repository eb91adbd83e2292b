-- Verdicts say how surely, and by what, the words behind them were recognised; a call's upset may be only perhaps.

alter table core.findings add column certainty varchar;
alter table core.findings add column witness varchar;
alter table core.findings add column evidence.element.act varchar;
alter table core.findings add column evidence.element.probability double;
alter table core.findings add column evidence.element.nearest_line varchar;

alter table core.call_measures add column upset varchar;
-- Earlier rules knew tense calls and others, and no call that was perhaps tense.
update core.call_measures set upset = if(tense, 'clear', 'none');
