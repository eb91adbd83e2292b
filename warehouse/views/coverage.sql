-- one row per ISO week and scorecard, and one with no week for the undated calls
create view coverage as
select
    s.iso_week,
    s.scorecard,
    date_trunc('week', any_value(s.local_date))::date as week_start,
    count(*) as calls,
    sum(s.rules_applicable)::bigint as applicable,
    sum(s.rules_judged)::bigint as judged,
    sum(s.rules_unsure)::bigint as unsure,
    sum(s.rules_judged) / nullif(sum(s.rules_applicable), 0) as coverage,
    sum(s.rules_unsure) / nullif(sum(s.rules_applicable), 0) as unsure_share,
    count(*) filter (c.roles_from = 'unknown') as calls_roles_unknown,
    count(*) filter (c.roles_from = 'guessed') as calls_roles_guessed,
    count(*) filter (not c.has_times) as calls_without_times,
    count(*) filter (c.notice <> '') as calls_with_notice
from call_scorecards s
join calls c on c.call_id = s.call_id
group by s.iso_week, s.scorecard;
comment on view coverage is 'One row per ISO week and scorecard: how much of what was called for could be judged, and what stood in the way. Key: iso_week, scorecard.';
