-- Who calms upset customers? (agents with at least five tense calls)
select agent_name, team, count(*) as tense_calls, count(*) filter (calmed) as calmed,
    round(100 * wilson_low(count(*) filter (calmed), count(*)), 1) as low,
    round(100 * wilson_high(count(*) filter (calmed), count(*)), 1) as high
from calls
where tense and agent_id is not null
group by agent_id, agent_name, team
having count(*) >= 5
order by low desc, agent_name;
