-- Which recordings were left out, why, and what can be done?
select code, count(*) as files, min(reason) as example, min(next_step) as try
from not_audited
group by code
order by files desc, code;
