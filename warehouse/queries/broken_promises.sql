-- Which promised calls back were not made in time?
select call_id, agent_name, customer_id, quote, due_at
from promises
where outcome = 'broken'
order by due_at desc, call_id;
