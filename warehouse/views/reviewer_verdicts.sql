-- one row per call, rule and reviewer, of findings drawn at random, whatever the rule reads today
-- people are compared with each other on what both were asked, which a rule rewritten since does not change
create view reviewer_verdicts as
select
    strftime(r.reviewed_at at time zone site_timezone(), '%Y-%m') as reviewed_month,
    r.reviewer, r.call_id, r.rule_id, c.iso_week, s.sample_id, s.rulebook_version, s.rule_verdict, r.verdict,
    if(
        s.rule_verdict in ('met', 'missed') and r.verdict not in ('unsure', 'not_assessable'),
        r.verdict <> s.rule_verdict, null
    ) as is_reversed,
    r.is_blind, r.reviewed_at
from core.review_samples s
join core.reviews r on r.sample_id = s.sample_id and r.call_id = s.call_id and r.rule_id = s.rule_id
join core.calls c on c.call_id = s.call_id
where s.sample_kind = 'random' and s.call_id not in (select call_id from core.impossible_calls)
qualify row_number() over (
    partition by r.call_id, r.rule_id, r.reviewer order by r.reviewed_at desc, r.review_id desc
) = 1;
comment on view reviewer_verdicts is 'One row per call, rule and reviewer of the random samples, whatever the rule reads today: the newest verdict of each person, and whether it reverses the rule. Key: call_id, rule_id, reviewer.';
