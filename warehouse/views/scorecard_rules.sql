-- one row per scorecard, step and rule of the rulebook in force
create view scorecard_rules as
select
    s.scorecard, s.step, s.rule_id, s.rulebook_version, s.scorecard_title, s.step_number, s.step_title, s.weight,
    s.critical, s.fails_call, r.asks, r.status, r.milestone
from core.scorecard_steps s
join core.rulebook_in_force using (rulebook_version)
left join core.rules r on r.rulebook_version = s.rulebook_version and r.rule_id = s.rule_id;
comment on view scorecard_rules is 'One row per rule in a step of a scorecard: what counts for what, and how much. Key: scorecard, step, rule_id.';
