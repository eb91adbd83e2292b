-- Since when do rules judge differently?
select first_week, rule_id, change, what, asks
from rule_changes
order by first_week desc nulls first, rule_id;
