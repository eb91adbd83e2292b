-- one row per call, rule and reviewer, of findings drawn at random and of rules that read today as they did then
-- the only reviews that say how often a rule is right: those of the targeted queue were picked because they are doubtful
create view random_reviews as
select
    r.call_id, r.rule_id, r.reviewer, c.iso_week, s.sample_id, s.rulebook_version, s.rule_verdict, r.verdict,
    r.is_blind, r.reviewed_at,
    row_number() over (partition by r.call_id, r.rule_id order by r.reviewed_at desc, r.review_id desc) = 1 as is_newest
from core.review_samples s
join core.reviews r on r.sample_id = s.sample_id and r.call_id = s.call_id and r.rule_id = s.rule_id
join core.calls c on c.call_id = s.call_id
join core.rules judged_by on judged_by.rulebook_version = s.rulebook_version and judged_by.rule_id = s.rule_id
join core.rulebook_in_force f on true
join core.rules today on today.rulebook_version = f.rulebook_version and today.rule_id = s.rule_id
    and today.definition = judged_by.definition and today.applies = judged_by.applies
where s.sample_kind = 'random' and s.call_id not in (select call_id from core.impossible_calls)
qualify row_number() over (
    partition by r.call_id, r.rule_id, r.reviewer order by r.reviewed_at desc, r.review_id desc
) = 1;
comment on view random_reviews is 'One row per call, rule and reviewer of the random samples: what the rule said when it was drawn, and what the person says. Key: call_id, rule_id, reviewer.';
