-- one row per call, scorecard and step; only live rules count
-- not_applicable:  nothing in the call asked for any rule of the step
-- unsure:          something did, and none was met or missed, but at least one is unsure
-- not_assessable:  something did, but the recording cannot show any of them
-- missed:          not followed: a critical rule or the main rule, which outweighs each other rule of the step, was
--                  missed, or less than half of the judged weight was met
-- met:             followed: otherwise
create view call_steps as
with placed as (
    select
        s.*,
        weight = max(weight) over of_step and count(*) over (partition by rulebook_version, scorecard, step, weight) = 1
            as main
    from core.scorecard_steps s
    semi join core.rules r
        on r.rulebook_version = s.rulebook_version and r.rule_id = s.rule_id and r.status = 'live'
    window of_step as (partition by rulebook_version, scorecard, step)
),
counted as (
    select
        f.call_id,
        c.iso_week,
        c.agent_id,
        any_value(f.rulebook_version) as rulebook_version,
        s.scorecard,
        any_value(s.scorecard_title) as scorecard_title,
        any_value(s.step_number) as step_number,
        s.step,
        any_value(s.step_title) as step_title,
        count(*) as rules,
        count(*) filter (f.verdict = 'met') as rules_met,
        count(*) filter (f.verdict = 'missed') as rules_missed,
        count(*) filter (f.verdict = 'unsure') as rules_unsure,
        count(*) filter (f.verdict = 'not_assessable') as rules_not_assessable,
        count(*) filter (f.verdict = 'not_applicable') as rules_not_applicable,
        coalesce(sum(s.weight) filter (f.verdict = 'met'), 0) as weight_met,
        coalesce(sum(s.weight) filter (f.verdict in ('met', 'missed')), 0) as weight_judged,
        coalesce(sum(s.weight) filter (f.verdict <> 'not_applicable'), 0) as weight_applicable,
        count(*) filter (s.critical and f.verdict <> 'not_applicable') as critical_applicable,
        count(*) filter (s.critical and f.verdict in ('met', 'missed')) as critical_judged,
        list_sort(list(f.rule_id) filter (s.critical and f.verdict = 'missed' and f.is_proven)) as critical_rules_missed,
        bool_or(s.fails_call and f.verdict = 'missed' and f.is_proven) as failed,
        bool_or(s.main and f.verdict = 'missed') as main_rule_missed,
        bool_or(f.is_overridden) as is_overridden
    from core.calls c
    join core.current_findings f on f.call_id = c.call_id
    join placed s on s.rulebook_version = f.rulebook_version and s.rule_id = f.rule_id
    -- Week and agent follow from the call; they are here so that a question about one of them reads only its calls.
    group by f.call_id, c.iso_week, c.agent_id, s.scorecard, s.step
)
select
    c.call_id, c.source, c.started_at, c.local_date, counted.iso_week, strftime(c.local_date, '%Y-%m') as month,
    counted.agent_id, c.agent_name, c.team,
    c.customer_id, c.queue, c.direction,
    counted.rulebook_version,
    counted.scorecard,
    counted.scorecard_title,
    counted.step_number,
    counted.step,
    counted.step_title,
    case
        when counted.rules_not_applicable = counted.rules then 'not_applicable'
        when counted.rules_met + counted.rules_missed = 0 then if(counted.rules_unsure > 0, 'unsure', 'not_assessable')
        when counted.critical_rules_missed is not null or counted.main_rule_missed then 'missed'
        when counted.weight_met * 2 >= counted.weight_judged then 'met'
        else 'missed'
    end as verdict,
    counted.weight_met / nullif(counted.weight_judged, 0) as share,
    counted.rules,
    counted.rules_met,
    counted.rules_missed,
    counted.rules_unsure,
    counted.rules_not_assessable,
    counted.rules_not_applicable,
    counted.weight_met,
    counted.weight_judged,
    counted.weight_applicable,
    counted.critical_applicable,
    counted.critical_judged,
    coalesce(len(counted.critical_rules_missed), 0) as critical_misses,
    counted.critical_rules_missed,
    counted.failed,
    counted.is_overridden
from counted
join core.calls c on c.call_id = counted.call_id;
comment on view call_steps is 'One row per call, scorecard and step: followed (met), not followed (missed) or unsure. Not followed when a critical rule or the main rule is missed, or less than half of the judged weight is met. Key: call_id, scorecard, step.';
