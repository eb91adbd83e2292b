-- one row per target: what the scorecards aim at now, whatever week is looked at
create view targets as
select scorecard, coalesce(team, '') as team, coalesce(step, '') as step, target, least_calls
from core.targets;
comment on view targets is 'One row per target of a scorecard: for its mean score ("" as step) or a step, of all teams ("" as team) or one. Key: scorecard, team, step.';
