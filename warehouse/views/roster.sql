-- one row per agent and post: who was in which team from when to when, as the roster says now
create view roster as
select
    agent_id,
    nullif(valid_from, date '0001-01-01') as valid_from,
    lead(valid_from) over (partition by agent_id order by valid_from) - 1 as valid_to,
    agent_name, team, shift, started_on, language
from core.roster;
comment on view roster is 'One row per agent and post of the roster; valid_from is empty for the first, valid_to for the last. Key: agent_id, valid_from.';
