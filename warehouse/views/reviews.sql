-- one row per review
create view reviews as
select
    r.review_id, r.call_id, r.rule_id, r.rulebook_version, f.rule_verdict, r.verdict,
    r.verdict = f.rule_verdict as agrees, r.reviewer, r.reviewed_at, r.note, r.sample_id, s.sample_kind, r.is_blind
from core.reviews r
left join core.current_findings f on f.call_id = r.call_id and f.rule_id = r.rule_id
left join core.review_samples s
    on s.sample_id = r.sample_id and s.call_id = r.call_id and s.rule_id = r.rule_id;
comment on view reviews is 'One row per judgement by a person, beside what the rule says of the same call. Key: review_id.';
