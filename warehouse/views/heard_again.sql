-- one row per call that was heard a second time in another way, and rule that said met or missed of its stored words
-- only while the call has the words that were compared, and is judged by the same rules
create view heard_again as
select
    c.call_id, c.source, c.started_at, c.local_date, c.iso_week, c.agent_id, c.agent_name, c.team, c.customer_id,
    c.queue, c.direction,
    h.rule_id,
    h.verdict,
    h.verdict_again,
    h.verdict <> h.verdict_again as has_flipped,
    h.engine,
    h.model,
    h.settings_hash,
    h.heard_at
from core.heard_again h
join core.calls c on c.call_id = h.call_id
join core.transcripts t on t.call_id = h.call_id and t.transcript_hash = h.transcript_hash
join core.current_audits a on a.call_id = h.call_id and a.rulebook_version = h.rulebook_version
join core.rules r on r.rulebook_version = h.rulebook_version and r.rule_id = h.rule_id and r.status = 'live'
where h.verdict in ('met', 'missed');
comment on view heard_again is 'One row per call of the sample that was heard a second time and rule that judged it met or missed: the share that has flipped says how many verdicts hang on the recogniser. Key: call_id, rule_id.';
