-- one row per disputed call and rule
create view disputes as
select
    e.call_id,
    e.rule_id,
    arg_max(e.dispute_state, (e.said_at, e.event_id)) as dispute_state,
    arg_min(e.said_by, (e.said_at, e.event_id)) as disputed_by,
    min(e.said_at) as opened_at,
    arg_min(e.note, (e.said_at, e.event_id)) as note,
    arg_max(e.said_by, (e.said_at, e.event_id)) as last_said_by,
    max(e.said_at) as last_said_at,
    arg_max(e.note, (e.said_at, e.event_id)) as last_note,
    any_value(f.rule_verdict) as rule_verdict,
    any_value(f.verdict) as verdict
from core.dispute_events e
left join core.current_findings f on f.call_id = e.call_id and f.rule_id = e.rule_id
group by e.call_id, e.rule_id;
comment on view disputes is 'One row per disputed call and rule: its state (open, upheld or overturned) and who said what first and last. Key: call_id, rule_id.';
