-- one row per review
create view reviews as
select
    r.review_id, r.call_id, r.rule_id, r.rulebook_version, f.rule_verdict, r.verdict,
    r.verdict = f.rule_verdict as agrees, r.reviewer, r.reviewed_at, r.note
from core.reviews r
left join core.current_findings f on f.call_id = r.call_id and f.rule_id = r.rule_id;
comment on view reviews is 'One row per judgement by a person, beside what the rule says of the same call. Key: review_id.';
