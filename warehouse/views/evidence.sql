-- one row per call, rule and piece of evidence
create view evidence as
select
    e.call_id, e.rule_id, f.verdict, e.position, e.kind, e.turn, e.role, e.start_s, e.end_s, e.quote, e.char_start,
    e.char_end, e.note
from core.evidence e
join core.current_findings f
    on f.call_id = e.call_id and f.rulebook_version = e.rulebook_version and f.rule_id = e.rule_id;
comment on view evidence is 'One row per quote or stretch of time behind a verdict.';
