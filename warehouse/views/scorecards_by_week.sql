-- one row per ISO week and scorecard; met and missed are rules over all calls, score is the mean over scored calls
create view scorecards_by_week as
select
    iso_week,
    scorecard,
    date_trunc('week', any_value(local_date))::date as week_start,
    any_value(scorecard_title) as scorecard_title,
    count(*) as calls,
    count(score) as calls_scored,
    -- The order in which parts are added up must not show.
    round(avg(score), 9) as score,
    sum(rules_applicable)::bigint as applicable,
    sum(rules_judged)::bigint as judged,
    sum(rules_met)::bigint as met,
    sum(rules_missed)::bigint as missed,
    sum(rules_unsure)::bigint as unsure,
    sum(rules_met) / nullif(sum(rules_judged), 0) as rate,
    wilson_low(sum(rules_met), sum(rules_judged)) as wilson_low,
    wilson_high(sum(rules_met), sum(rules_judged)) as wilson_high,
    sum(rules_unsure) / nullif(sum(rules_applicable), 0) as unsure_share,
    sum(rules_judged) / nullif(sum(rules_applicable), 0) as coverage,
    count(*) filter (critical_misses > 0) as calls_with_critical_miss,
    count(distinct agent_id) as agents,
    list_sort(list(distinct rulebook_version)) as rulebook_versions
from call_scorecards
where iso_week is not null
group by iso_week, scorecard;
comment on view scorecards_by_week is 'One row per ISO week and scorecard: the headline figures. Key: iso_week, scorecard.';
